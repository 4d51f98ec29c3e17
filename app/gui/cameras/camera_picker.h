// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <vector>

#include "core/episodes/camera/camera_device.h"

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QPushButton;
class QSpinBox;

namespace deer {

class CameraPreview;

/// Chooses one camera and how its picture is turned, flipped and cropped, with a preview.
class CameraPicker : public QWidget {
  Q_OBJECT

 public:
  /// `title` is "Static camera" or "Gripper camera"; the names of the controls begin with it.
  CameraPicker(const QString& title, const std::vector<ListedCamera>& found, const CameraSettings& before,
               QWidget* parent = nullptr);

  CameraSettings settings() const;
  CameraPreview* preview() const { return preview_; }
  void stop_preview();

 Q_SIGNALS:
  void changed();

 private:
  void build(const QString& title);
  void show_settings(const CameraSettings& settings);
  void apply();
  void choose_file();

  QComboBox* source_;
  QPushButton* browse_;
  QComboBox* turn_;
  QCheckBox* flip_horizontal_;
  QCheckBox* flip_vertical_;
  QSpinBox* crop_[4];  // x, y, width, height
  QPushButton* whole_;
  QCheckBox* by_hand_;
  QDoubleSpinBox* exposure_;
  QPushButton* show_;
  CameraPreview* preview_;
  QLabel* state_;
};

}  // namespace deer
