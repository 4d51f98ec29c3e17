// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/pose.h"

#include <algorithm>
#include <cmath>

namespace deer {

Pose operator*(const Pose& a, const Pose& b) {
  Pose out;
  out.position = a * b.position;
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) {
      out.rotation[3 * r + c] = 0;
      for (std::size_t k = 0; k < 3; ++k) out.rotation[3 * r + c] += a.rotation[3 * r + k] * b.rotation[3 * k + c];
    }
  }
  return out;
}

Vector3 operator*(const Pose& pose, const Vector3& point) {
  Vector3 out = pose.position;
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) out[r] += pose.rotation[3 * r + c] * point[c];
  }
  return out;
}

Pose inverse(const Pose& pose) {
  Pose out;
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) out.rotation[3 * r + c] = pose.rotation[3 * c + r];
  }
  const auto moved = out * pose.position;  // out has no translation yet
  out.position = {-moved[0], -moved[1], -moved[2]};
  return out;
}

Pose pose_from_euler(const Vector3& position, const Vector3& euler) {
  const double cx = std::cos(euler[0]), sx = std::sin(euler[0]);
  const double cy = std::cos(euler[1]), sy = std::sin(euler[1]);
  const double cz = std::cos(euler[2]), sz = std::sin(euler[2]);
  return {position,
          {cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx,  //
           sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx,  //
           -sy, cy * sx, cy * cx}};
}

Vector3 euler_xyz(const Pose& pose) {
  const auto& r = pose.rotation;
  const double cos_y = std::hypot(r[0], r[3]);
  const double y = std::atan2(-r[6], cos_y);
  if (cos_y < 1e-9) return {std::atan2(-r[5], r[4]), y, 0};
  return {std::atan2(r[7], r[8]), y, std::atan2(r[3], r[0])};
}

std::array<double, 4> quaternion_xyzw(const Pose& pose) {
  const auto& r = pose.rotation;
  // Use the largest of the four, to avoid dividing by small numbers.
  const std::array<double, 4> squares = {1 + r[0] - r[4] - r[8], 1 - r[0] + r[4] - r[8], 1 - r[0] - r[4] + r[8],
                                         1 + r[0] + r[4] + r[8]};
  const auto largest = std::max_element(squares.begin(), squares.end()) - squares.begin();
  std::array<double, 4> q{};
  switch (largest) {
    case 0:
      q = {squares[0], r[1] + r[3], r[2] + r[6], r[7] - r[5]};
      break;
    case 1:
      q = {r[1] + r[3], squares[1], r[5] + r[7], r[2] - r[6]};
      break;
    case 2:
      q = {r[2] + r[6], r[5] + r[7], squares[2], r[3] - r[1]};
      break;
    default:
      q = {r[7] - r[5], r[2] - r[6], r[3] - r[1], squares[3]};
      break;
  }
  double norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
  if (q[3] < 0) norm = -norm;
  for (double& value : q) value /= norm;
  return q;
}

double angle_between(const Pose& a, const Pose& b) {
  // Half-angle form: accurate for tiny angles too, unlike the arc cosine of the trace.
  const auto q = quaternion_xyzw(inverse(a) * b);
  return 2 * std::atan2(std::hypot(q[0], q[1], q[2]), q[3]);
}

}  // namespace deer
