// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>

#include "core/sim/play_table.h"

namespace deer {

RobotObs TableState::robot_obs(const std::array<double, 7>& joints) const {
  RobotObs obs{};
  const Vector3 euler = euler_xyz(world_from_tcp);
  std::copy_n(world_from_tcp.position.begin(), 3, obs.begin());
  std::copy_n(euler.begin(), 3, obs.begin() + 3);
  obs[6] = gripper_opening;
  std::copy_n(joints.begin(), 7, obs.begin() + 7);
  obs[14] = gripper_commanded_open ? 1 : -1;
  return obs;
}

SceneObs TableState::scene_obs() const {
  SceneObs obs{slider, drawer, button, lever, bulb_on ? 1.0 : 0.0, led_on ? 1.0 : 0.0};
  auto place = obs.begin() + 6;
  for (const Pose& block : blocks) {
    place = std::copy_n(block.position.begin(), 3, place);
    const Vector3 euler = euler_xyz(block);
    place = std::copy_n(euler.begin(), 3, place);
  }
  return obs;
}

}  // namespace deer
