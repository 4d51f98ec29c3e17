// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QTimer>
#include <QWidget>
#include <memory>
#include <optional>

#include "core/episodes/camera/live_camera.h"

namespace deer {

/// The picture of a camera that is being set up: turned and flipped, with the crop. Dragging
/// chooses that part. The camera is read on threads of its own while the preview is on.
class CameraPreview : public QWidget {
  Q_OBJECT

 public:
  explicit CameraPreview(QWidget* parent = nullptr);
  ~CameraPreview() override;

  /// Opens the source of `settings`, or nothing for an empty one.
  void start(const CameraSettings& settings);
  void stop();
  bool running() const { return camera_ != nullptr; }
  /// Changes how the picture is shown; the source stays the one it was started with.
  void adjust(const CameraSettings& settings);

  QString text() const { return text_; }  ///< state, size and rate, or the problem
  QImage picture() const { return picture_; }
  QRect picture_rect() const;  ///< where the picture is, in the widget
  /// The crop, in the widget; the whole picture without one.
  QRect crop_rect() const;

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 Q_SIGNALS:
  void crop_chosen(const deer::CameraCrop& crop);  ///< in pixels of the turned picture
  void text_changed(const QString& text);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;

 private:
  void look();
  void show_image();
  void say(const QString& text);

  CameraSettings settings_;
  std::unique_ptr<LiveCamera> camera_;
  std::int64_t shown_number_ = -1;
  ImagePtr newest_;
  QImage picture_;
  QString text_;
  QTimer timer_;
  std::optional<QPoint> drag_from_;
  QRect dragged_;
};

}  // namespace deer
