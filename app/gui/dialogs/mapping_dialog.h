// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>
#include <array>
#include <optional>
#include <set>
#include <string>

#include "core/episodes/episode_collection.h"

class QCheckBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace deer {

class MappingCamera;
class MappingPage;

/// Which camera and which columns of a dataset are what. Reads no file: the first frame and files are given to it.
class MappingDialog : public QDialog {
  Q_OBJECT

 public:
  /// Shows the mapping in use; `dataset` names it in the title.
  MappingDialog(const DatasetDescription& data, const QString& dataset, QWidget* parent = nullptr);

  Mapping mapping() const;
  void set_mapping(const Mapping& mapping);

  void show_frame(RecordedFrame frame);
  void show_frame_problem(const QString& problem);  ///< instead of the frame
  /// Stays until something changes.
  void show_file_problem(const QString& problem);

  MappingCamera* fixed() const { return cameras_[0]; }
  MappingCamera* gripper() const { return cameras_[1]; }
  MappingPage* state() const { return state_; }
  MappingPage* action() const { return action_; }
  QString note() const;

 Q_SIGNALS:
  void open_requested();  ///< a file with a mapping, for set_mapping()
  void save_requested();

 private:
  void lay_out();
  void show_pictures();
  void update_note();

  const RecordingSchema schema_;
  std::array<MappingCamera*, 2> cameras_;
  QLineEdit* instruction_;
  MappingPage* state_;
  MappingPage* action_;
  QCheckBox* deer_action_;
  QLabel* note_;
  QPushButton* apply_ = nullptr;
  std::set<std::string> flipped_;
  std::optional<RecordedFrame> frame_;
  QString waiting_;  ///< in place of the pictures
  QString problem_;
};

}  // namespace deer
