// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/vision_points.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <numbers>

#include "core/train/vision/block_slots.h"
#include "core/train/vision/vision_targets.h"

namespace deer {
namespace {

using Vector = std::array<double, 3>;

// A camera in the frame in which points are given.
struct Camera {
  Vector eye, right, up, forward;
  double vertical_view_deg;
};

Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

Vector unit(const Vector& a) {
  const double length = std::hypot(a[0], a[1], a[2]);
  return {a[0] / length, a[1] / length, a[2] / length};
}

// calvin_env, conf/cameras: the static camera in the world.
Camera static_camera() {
  const Vector eye{2.871459, -2.166602, 2.555160};
  const Vector target{-0.026242, -0.030233, 0.392000};
  const auto forward = unit({target[0] - eye[0], target[1] - eye[1], target[2] - eye[2]});
  const auto right = unit(cross(forward, {0.404140, 0.226298, 0.886262}));
  return {eye, right, cross(right, forward), forward, 10};
}

// calvin_env, data/franka_panda: gripper_cam at xyz (-0.1, 0, 0), rpy (1.3, 0, -1.57) of the hand, which looks
// along its y with -z up; the TCP is 0.14 m along the hand's z.
Camera gripper_camera() {
  const double sx = std::sin(1.3), cx = std::cos(1.3), sz = std::sin(-1.57), cz = std::cos(-1.57);
  // Columns of Rz Rx.
  const Vector x{cz, sz, 0}, y{-sz * cx, cz * cx, sx}, z{sz * sx, -cz * sx, cx};
  return {{-0.1, 0, -0.14}, {-x[0], -x[1], -x[2]}, {-z[0], -z[1], -z[2]}, y, 75};
}

at::Tensor along(const at::Tensor& offset, const Vector& axis) {
  return offset.select(1, 0) * axis[0] + offset.select(1, 1) * axis[1] + offset.select(1, 2) * axis[2];
}

// `position` [N, 3] m to [N, 3] as documented.
at::Tensor project(const at::Tensor& position, const Camera& camera) {
  constexpr double kNearM = 0.02;
  const auto offset = position - at::tensor({camera.eye[0], camera.eye[1], camera.eye[2]}).to(position.dtype());
  const auto depth = along(offset, camera.forward);
  const double half = std::tan(camera.vertical_view_deg / 2 * std::numbers::pi / 180);
  const auto scale = depth.clamp_min(kNearM) * half;
  const auto x = along(offset, camera.right) / scale;
  const auto y = -along(offset, camera.up) / scale;
  const auto visible = (depth > kNearM) & (x.abs() < 1) & (y.abs() < 1);
  return at::stack({x.clamp(-2, 2), y.clamp(-2, 2), visible.to(position.dtype())}, 1);
}

// Of each slot's position [N, S, 3]; not visible where the slot is empty.
at::Tensor project_slots(const at::Tensor& positions, const at::Tensor& slots, const Camera& camera) {
  std::vector<at::Tensor> out;
  for (std::int64_t i = 0; i < slots.size(1); ++i) out.push_back(project(positions.select(1, i), camera));
  auto points = at::stack(out, 1);
  points.select(2, 2).mul_(slots.select(2, 0));
  return points;
}

}  // namespace

at::Tensor static_camera_points(const at::Tensor& robot_obs, const at::Tensor& scene_obs) {
  std::vector<at::Tensor> out{project(tcp_position(robot_obs), static_camera())};
  for (std::int64_t block = 0; block < 3; ++block) {
    out.push_back(project(block_position(scene_obs, block), static_camera()));
  }
  return at::stack(out, 1);
}

at::Tensor gripper_camera_points(const at::Tensor& robot_obs, const at::Tensor& scene_obs) {
  std::vector<at::Tensor> out;
  for (std::int64_t block = 0; block < 3; ++block) {
    out.push_back(project(block_from_tcp(robot_obs, scene_obs, block), gripper_camera()));
  }
  return at::stack(out, 1);
}

at::Tensor static_camera_slot_points(const at::Tensor& slots) {
  return project_slots(slots.narrow(2, 1, 3), slots, static_camera());
}

at::Tensor gripper_camera_slot_points(const at::Tensor& robot_obs, const at::Tensor& slots) {
  return project_slots(places_from_tcp(robot_obs, slots), slots, gripper_camera());
}

at::Tensor patch_centers(std::int64_t side) {
  const auto line = (at::arange(side, at::TensorOptions().dtype(at::kFloat)) * 2 + 1) / static_cast<double>(side) - 1;
  const auto x = line.view({1, side}).expand({side, side});
  return at::stack({x, x.transpose(0, 1)}, 2).reshape({side * side, 2});
}

at::Tensor patch_shares(const at::Tensor& points, std::int64_t side) {
  const double width = 1 / static_cast<double>(side);  // of the bell: half a patch
  const auto distance = (points.narrow(2, 0, 2).unsqueeze(2) - patch_centers(side)).square().sum(3);
  return at::softmax(distance / (-2 * width * width), 2);
}

}  // namespace deer
