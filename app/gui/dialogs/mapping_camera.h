// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QWidget>
#include <vector>

#include "core/episodes/recording.h"

class QCheckBox;
class QComboBox;

namespace deer {

/// Chooses one of a dataset's cameras, with its picture in the first frame.
class MappingCamera : public QWidget {
  Q_OBJECT

 public:
  /// `title` is "Static camera" or "Gripper camera"; the names of the controls begin with it.
  MappingCamera(const QString& title, const std::vector<RecordedCamera>& cameras, QWidget* parent = nullptr);

  /// Empty: none.
  void choose(const std::string& camera);
  std::string chosen() const;
  void set_flipped(bool flipped);

  /// What is in place of the picture, such as "Loading…".
  void show_text(const QString& text);
  /// Null: the camera has no picture there.
  void show_picture(const ImagePtr& picture);
  const QImage& picture() const { return picture_; }
  const QString& text() const { return text_; }
  /// Where the picture is, in this widget's coordinates.
  QRect picture_rect() const;

 Q_SIGNALS:
  void camera_changed();
  void flip_changed(bool flipped);  ///< by hand

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QComboBox* cameras_;
  QCheckBox* flip_;
  QWidget* area_;  ///< the room for the picture
  QImage picture_;
  QString text_;
};

}  // namespace deer
