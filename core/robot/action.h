// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>

#include "core/robot/pose.h"

namespace deer {

/// What a relative action of 1 means in CALVIN.
inline constexpr double kMetresPerUnit = 0.02;
inline constexpr double kRadiansPerUnit = 0.05;

/// A motion of the TCP in the world frame.
struct RelativeMotion {
  Vector3 translation_m{};
  Vector3 rotation_rad{};  ///< change of the Euler angles x y z
  bool open_gripper = true;
};

/// A relative action (x y z, Euler x y z, gripper; six values in [-1, 1], clipped as the environment
/// does, gripper open where positive) as a motion. NaN counts as 0.
RelativeMotion motion_from_action(const std::array<double, 7>& rel_action);

/// The inverse, clipped to [-1, 1]; gripper +1 open, -1 close.
std::array<double, 7> action_from_motion(const RelativeMotion& motion);

/// Where the controller wants the TCP, in the world frame.
struct TcpTarget {
  Vector3 position_m{};
  Vector3 euler_xyz_rad{};  ///< see euler_xyz()
  bool open_gripper = true;
};

/// The next target. CALVIN adds to the last *target*, not to the measured pose; the Euler angles are
/// added one by one and kept in (-pi, pi].
TcpTarget advance(const TcpTarget& target, const std::array<double, 7>& rel_action);

/// Distance between two angles the short way round, in (-pi, pi].
double wrap_angle(double radians);

}  // namespace deer
