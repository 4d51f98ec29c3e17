// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>
#include <memory>
#include <vector>

#include "app/gui/video/video_export.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace deer {

/// Asks what to export as a video: view, frames, size and file.
class VideoDialog : public QDialog {
  Q_OBJECT

 public:
  struct Facts {
    qint64 frames = 0;  ///< of the episode; at least one
    qint64 first = 0;   ///< proposed, both ends inclusive
    qint64 last = 0;
    qint64 evaluated = 0;  ///< frames with a record
    double frames_per_second = 30;
    QString folder;  ///< where the file is proposed
    QString title;   ///< of the episode, for the file's name
  };

  /// `subjects`: at least one; owned by the caller.
  VideoDialog(std::vector<const VideoSubject*> subjects, const Facts& facts, QWidget* parent = nullptr);

  std::size_t subject() const;  ///< its place in the list
  VideoExport::Plan plan() const;

 private:
  void choose_subject();
  void choose_file();
  void update_note();

  std::vector<const VideoSubject*> subjects_;
  Facts facts_;
  bool own_name_ = true;  ///< the file's name follows what is exported
  QComboBox* what_;
  QSpinBox* first_;
  QSpinBox* last_;
  QComboBox* size_;
  QLineEdit* file_;
  QLabel* note_;
  QPushButton* export_;
};

}  // namespace deer
