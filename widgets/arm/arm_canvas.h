// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QWidget>
#include <functional>

#include "widgets/arm/arm_camera.h"
#include "widgets/arm/arm_renderer.h"
#include "widgets/arm/arm_state.h"

class QTimer;

namespace deer {

/// Shows an ArmState with an interactive viewpoint: drag turns, Shift or the middle button pans, the wheel zooms at the
/// pointer, a double click resets to the preset. With the focus, Alt and the arrows turn, with Shift they pan, plus and
/// minus zoom. Draws only when something changed.
class ArmCanvas : public QWidget {
  Q_OBJECT
  Q_PROPERTY(bool settled READ is_settled)

 public:
  explicit ArmCanvas(QWidget* parent = nullptr);
  ~ArmCanvas() override;

  /// Why nothing can be drawn; empty if it works. Known once the canvas was shown.
  QString problem() const;

  void set_state(const ArmStatePtr& state);  ///< may be null: nothing is drawn
  const ArmStatePtr& state() const { return state_; }
  /// Notes at the lower edge, one line each, for example how the pose was computed.
  void set_notes(const QStringList& notes);
  const QStringList& notes() const { return notes_; }

  ArmCamera::Preset preset() const { return preset_; }
  void set_preset(ArmCamera::Preset preset);
  void reset_camera() { set_preset(preset_); }
  const ArmCamera& camera() const { return camera_; }
  void set_camera(const ArmCamera& camera);

  /// The image on screen, and the camera and state it was drawn with. Null before the first.
  const QImage& image() const { return image_; }
  const ArmCamera& drawn_camera() const { return drawn_.camera; }
  /// Whether the image shows the newest state and camera, with smooth edges.
  bool is_settled() const;
  double last_draw_ms() const { return last_draw_ms_; }
  /// The view with its labels, for a file.
  QImage picture();

  QSize sizeHint() const override { return {420, 320}; }
  QSize minimumSizeHint() const override { return {160, 120}; }

 Q_SIGNALS:
  void preset_changed();
  void drawn();   ///< image() is new
  void failed();  ///< see problem()

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void changeEvent(QEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool event(QEvent* event) override;

 private:
  void draw(bool smooth);
  void draw_quickly();
  void take(const ArmPicture& picture, const QImage& image, double milliseconds);
  void paint_axes(QPainter& painter) const;
  int paint_legend(QPainter& painter) const;  ///< returns its width
  void paint_labels(QPainter& painter, int legend_width) const;

  ArmRenderer* renderer_ = nullptr;
  QTimer* settle_;
  ArmStatePtr state_;
  QStringList notes_;
  ArmCamera camera_;
  ArmCamera::Preset preset_ = ArmCamera::Preset::overview;
  QImage image_;
  ArmPicture drawn_;
  quint64 asked_ = 0;
  double last_draw_ms_ = 0;
  double last_smooth_ms_ = 0;
  QPointF pressed_at_;
  Qt::MouseButton dragging_ = Qt::NoButton;
};

}  // namespace deer
