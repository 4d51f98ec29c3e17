// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/camera_model.h"

#include <cmath>

namespace deer {
namespace {

constexpr double kNearest = 1e-3;  // m

Vector3 minus(const Vector3& a, const Vector3& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
Vector3 cross(const Vector3& a, const Vector3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
Vector3 unit(const Vector3& v) {
  const double length = std::hypot(v[0], v[1], v[2]);
  return {v[0] / length, v[1] / length, v[2] / length};
}

Pose with_axes(const Vector3& position, const Vector3& x, const Vector3& y, const Vector3& z) {
  return {position, {x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]}};
}

}  // namespace

bool CameraModel::operator==(const CameraModel& other) const {
  const auto& a = mount_from_camera;
  const auto& b = other.mount_from_camera;
  return width == other.width && height == other.height && focal_x == other.focal_x && focal_y == other.focal_y &&
         center_x == other.center_x && center_y == other.center_y && mount == other.mount && a.position == b.position &&
         a.rotation == b.rotation;
}

CameraModel camera_from_fov(int width, int height, double vertical_fov_rad) {
  CameraModel out;
  out.width = width;
  out.height = height;
  out.focal_x = out.focal_y = height / 2.0 / std::tan(vertical_fov_rad / 2);
  out.center_x = width / 2.0 - 0.5;
  out.center_y = height / 2.0 - 0.5;
  return out;
}

Pose world_from_looking_camera(const Vector3& eye, const Vector3& target, const Vector3& up) {
  const auto z = unit(minus(target, eye));
  const auto x = unit(cross(z, up));
  return with_axes(eye, x, cross(z, x), z);
}

Pose from_opengl_camera(const Pose& a_from_camera) {
  Pose out = a_from_camera;
  for (const std::size_t row : {0, 3, 6}) {
    out.rotation[row + 1] = -out.rotation[row + 1];
    out.rotation[row + 2] = -out.rotation[row + 2];
  }
  return out;
}

Pose calvin_tcp_from_gripper_camera(CalvinHand hand) {
  const double distance = hand == CalvinHand::longer_finger ? 0.14 : 0.1;
  const double turn = hand == CalvinHand::plain ? 3.14 : 0;
  const auto tcp_from_hand = inverse(pose_from_euler({0, 0, distance}, {0, 0, turn}));
  const Pose hand_from_mount = pose_from_euler({-0.1, 0, 0}, {1.3, 0, -1.57});
  return tcp_from_hand * hand_from_mount * with_axes({}, {-1, 0, 0}, {0, 0, 1}, {0, 1, 0});
}

Pose world_from_camera(const CameraModel& camera, const Pose& world_from_tcp) {
  return camera.mount == CameraModel::Mount::world ? camera.mount_from_camera
                                                   : world_from_tcp * camera.mount_from_camera;
}

std::optional<PicturePoint> project(const CameraModel& camera, const Pose& world_from_camera, const Vector3& point) {
  const auto at = inverse(world_from_camera) * point;
  if (!(at[2] >= kNearest)) return std::nullopt;
  const PicturePoint out = {camera.focal_x * at[0] / at[2] + camera.center_x,
                            camera.focal_y * at[1] / at[2] + camera.center_y};
  if (!std::isfinite(out.x) || !std::isfinite(out.y)) return std::nullopt;
  return out;
}

}  // namespace deer
