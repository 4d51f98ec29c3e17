// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/panda.h"

#include <algorithm>

namespace deer {

std::array<double, 9> panda_joints(const std::array<double, 15>& robot_obs) {
  std::array<double, 9> out{};
  std::copy_n(robot_obs.begin() + 7, 7, out.begin());
  out[7] = out[8] = robot_obs[6] / 2;
  return out;
}

Pose world_from_tcp_observed(const std::array<double, 15>& robot_obs) {
  return pose_from_euler({robot_obs[0], robot_obs[1], robot_obs[2]}, {robot_obs[3], robot_obs[4], robot_obs[5]});
}

Pose world_from_tcp_computed(const RobotModel& panda, const std::array<double, 15>& robot_obs,
                             const Pose& world_from_base) {
  return world_from_base * panda.base_from_link(kPandaTcpLink, panda_joints(robot_obs));
}

}  // namespace deer
