// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>
#include <vector>

#include "core/episodes/camera/camera_source.h"

class QCheckBox;
class QLabel;
class QPushButton;

namespace deer {

class CameraPicker;
class InstructionBox;

/// Asks for one or two cameras and the instruction.
class OpenCamerasDialog : public QDialog {
  Q_OBJECT

 public:
  /// `found` are the devices to offer, `before` is filled in.
  OpenCamerasDialog(const std::vector<ListedCamera>& found, const CameraSourceOptions& before, bool has_model,
                    QWidget* parent = nullptr);

  CameraSourceOptions cameras() const;
  CameraPicker* fixed() const { return fixed_; }
  CameraPicker* gripper() const { return gripper_; }

  void done(int result) override;  ///< the previews close their cameras first

 private:
  void update_note();

  bool has_model_;
  bool none_found_;
  CameraPicker* fixed_;
  CameraPicker* gripper_;
  QCheckBox* pair_;
  InstructionBox* instruction_;
  QLabel* note_;
  QPushButton* open_ = nullptr;
};

}  // namespace deer
