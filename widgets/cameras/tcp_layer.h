// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <QPointF>
#include <QPolygonF>
#include <functional>
#include <optional>
#include <vector>

#include "widgets/cameras/camera_overlays.h"

class QPainter;

namespace deer {

/// Past, current and future TCP positions in one camera's image, in pixels with (0, 0) the top left corner (half a
/// pixel from OpenCV's).
struct TcpMarks {
  struct Prediction {
    QPointF at;
    int exit = 0;  ///< zero-based
    QColor color;
    bool executed = false;
    bool singled_out = false;
  };

  QString problem;  ///< why there are none; then nothing else is set
  std::optional<QPointF> now;
  std::vector<QPolygonF> past;          ///< recorded, up to now; interrupted behind the camera
  std::vector<QPolygonF> ahead;         ///< recorded, from now on
  std::optional<QPointF> recorded;      ///< where the recorded action leads
  std::vector<Prediction> predictions;  ///< where each evaluated exit's action leads, shallow first
};

/// Marks of a frame for an image of this size. Steps are magnified by settings().step_scale.
TcpMarks tcp_marks(const CameraOverlays& overlays, Camera camera, qint64 frame, QSize picture);

/// `to_widget` maps a point of the image to widget coordinates.
void draw_tcp(QPainter* painter, const TcpMarks& marks, const std::function<QPointF(QPointF)>& to_widget);

}  // namespace deer
