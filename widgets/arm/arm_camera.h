// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QPointF>
#include <QSizeF>
#include <optional>

#include "core/robot/pose.h"

namespace deer {

/// Viewpoint of the arm: a focus in the world, and the eye's distance and direction from it. Degrees and metres, world
/// frame; x right, y away from the table's front, z up.
struct ArmCamera {
  enum class Preset { overview, front, side, top, static_camera, follow };

  Vector3 focus{};
  double distance_m = 1;
  double azimuth = 0;      ///< of the eye about z, from x
  double elevation = 0;    ///< of the eye above the focus, -90 to 90
  double roll = 0;         ///< of the picture
  double view_angle = 35;  ///< across the shorter side of the image

  bool operator==(const ArmCamera&) const = default;

  /// `tcp`: focus of a following camera.
  static ArmCamera preset(Preset preset, const Vector3& tcp);

  Vector3 eye() const;
  Vector3 up() const;     ///< unit vector
  Vector3 right() const;  ///< unit vector

  void orbit(double azimuth_degrees, double elevation_degrees);
  /// Pans with the pointer: the point under it, at the focus distance, stays under it.
  void pan(const QPointF& pixels, const QSizeF& view);
  /// `factor` above 1 moves closer; the point under `at`, at the focus distance, stays under it.
  void zoom(double factor, const QPointF& at, const QSizeF& view);

  /// Projection of a point, in pixels from the top left; empty if it is behind the eye.
  std::optional<QPointF> project(const Vector3& point, const QSizeF& view) const;
  /// Metres per pixel at the focus distance.
  double metres_per_pixel(const QSizeF& view) const;
};

}  // namespace deer
