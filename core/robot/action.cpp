// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/action.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace deer {
namespace {

double clipped(double value) { return std::isnan(value) ? 0 : std::clamp(value, -1.0, 1.0); }

}  // namespace

RelativeMotion motion_from_action(const std::array<double, 7>& action) {
  RelativeMotion out;
  for (std::size_t i = 0; i < 3; ++i) {
    out.translation_m[i] = clipped(action[i]) * kMetresPerUnit;
    out.rotation_rad[i] = clipped(action[i + 3]) * kRadiansPerUnit;
  }
  out.open_gripper = action[6] > 0;
  return out;
}

std::array<double, 7> action_from_motion(const RelativeMotion& motion) {
  std::array<double, 7> out{};
  for (std::size_t i = 0; i < 3; ++i) {
    out[i] = clipped(motion.translation_m[i] / kMetresPerUnit);
    out[i + 3] = clipped(motion.rotation_rad[i] / kRadiansPerUnit);
  }
  out[6] = motion.open_gripper ? 1 : -1;
  return out;
}

TcpTarget advance(const TcpTarget& target, const std::array<double, 7>& rel_action) {
  const auto motion = motion_from_action(rel_action);
  TcpTarget out;
  for (std::size_t i = 0; i < 3; ++i) {
    out.position_m[i] = target.position_m[i] + motion.translation_m[i];
    out.euler_xyz_rad[i] = wrap_angle(target.euler_xyz_rad[i] + motion.rotation_rad[i]);
  }
  out.open_gripper = motion.open_gripper;
  return out;
}

double wrap_angle(double radians) {
  const double wrapped = std::remainder(radians, 2 * std::numbers::pi);  // [-pi, pi]
  return wrapped <= -std::numbers::pi ? std::numbers::pi : wrapped;
}

}  // namespace deer
