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

/// A drawing request; the newest replaces older ones.
struct ArmPicture {
  ArmStatePtr state;
  ArmCamera camera;
  QSize pixels;
  double pixel_ratio = 1;  ///< device pixels per logical pixel, for line widths
  bool smooth = true;      ///< antialiased edges; off for fast drawing during motion
  quint64 number = 0;
};

/// Draws ArmPictures into images, on its own thread if the platform allows it: software OpenGL takes tens of
/// milliseconds, too long for the GUI thread. It draws into its own framebuffer and reads it back instead of using a
/// QOpenGLWidget: with one, Qt composes the whole window with OpenGL, which without a GPU costs a quarter of a second
/// for every change anywhere, and moving it to another window loses its contents. Lives on the GUI thread. Without
/// OpenGL 3.2 it draws nothing, and problem() says why.
class ArmRenderer : public QObject {
  Q_OBJECT

 public:
  explicit ArmRenderer(QObject* parent = nullptr);
  ~ArmRenderer() override;

  /// Why it cannot draw, in one sentence; empty if it can. May be set later, with failed().
  QString problem() const { return problem_; }
  /// Emits drawn() unless a newer request arrives before it starts.
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
