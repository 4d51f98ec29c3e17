// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>

#include "core/robot/pose.h"
#include "core/robot/robot_model.h"

namespace deer {

/// Position of the arm's base in CALVIN's scene D, without rotation.
inline constexpr Pose kSceneDWorldFromBase = {{-0.34, -0.46, 0.24}, {1, 0, 0, 0, 1, 0, 0, 0, 1}};

/// Height of the table, as in the simulated world: CALVIN's 5 cm blocks are at 0.46.
inline constexpr double kSceneDTableTop = 0.44;

/// The tool centre point's link in resources/panda/panda.urdf, between the finger tips.
inline constexpr const char* kPandaTcpLink = "panda_tcp";

/// Positions of the nine joints of resources/panda/panda.urdf (seven of the arm, rad; two fingers, m)
/// from CALVIN's robot_obs, whose gripper opening is the distance between the fingers.
std::array<double, 9> panda_joints(const std::array<double, 15>& robot_obs);

/// TCP pose from robot_obs, in the world frame.
Pose world_from_tcp_observed(const std::array<double, 15>& robot_obs);

/// TCP pose from the joint angles in robot_obs by forward kinematics, in the world frame.
Pose world_from_tcp_computed(const RobotModel& panda, const std::array<double, 15>& robot_obs,
                             const Pose& world_from_base = kSceneDWorldFromBase);

}  // namespace deer
