// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QObject>
#include <QSize>
#include <memory>
#include <mutex>
#include <optional>

#include "widgets/arm/arm_camera.h"
#include "widgets/arm/arm_state.h"

class QOffscreenSurface;
class QThread;

namespace deer {

/// What is to be drawn: newest wins.
struct ArmPicture {
  ArmStatePtr state;
  ArmCamera camera;
  QSize pixels;
  double pixel_ratio = 1;  ///< device pixels to one of the screen's units: how thick lines are
  bool smooth = true;      ///< edges without steps; off while things move and the picture has to be quick
  quint64 number = 0;
};

/// Draws ArmPictures into images, on a thread of its own where the platform lets it: software OpenGL takes
/// tens of milliseconds, which no view may spend on the GUI thread. It draws into a framebuffer of its own
/// and reads it back, instead of being a QOpenGLWidget: with one of those in it a window is put together
/// by OpenGL as a whole, which costs a quarter of a second for every change anywhere without a GPU, and
/// moving it to another window loses its picture.
/// Lives on the GUI thread. Nothing happens, and problem() says why, where there is no OpenGL 3.2.
class ArmRenderer : public QObject {
  Q_OBJECT

 public:
  explicit ArmRenderer(QObject* parent = nullptr);
  ~ArmRenderer() override;

  /// Empty unless it cannot draw; then one sentence with what was missing. May turn up with failed().
  QString problem() const { return problem_; }
  /// Answers drawn() unless a newer request comes before it is begun.
  void request(const ArmPicture& picture);

 Q_SIGNALS:
  void drawn(const deer::ArmPicture& picture, const QImage& image, double milliseconds);
  void failed();

 private:
  class Worker;

  QString problem_;
  std::unique_ptr<QOffscreenSurface> surface_;
  std::unique_ptr<QThread> thread_;
  Worker* worker_ = nullptr;
};

}  // namespace deer
