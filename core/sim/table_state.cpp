// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>

#include "core/sim/play_table.h"
#include "core/sim/table_layout.h"

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

TableState observed_state(const RobotObs& robot, const SceneObs& scene) {
  constexpr double kHeldOpening = 0.052;    // fingers that are held apart by a block
  constexpr double kClosedOpening = 0.030;  // with nothing between them
  constexpr double kTouch = 0.003;
  TableState out;
  out.world_from_tcp = pose_from_euler({robot[0], robot[1], robot[2]}, {robot[3], robot[4], robot[5]});
  out.gripper_opening = robot[6];
  out.gripper_commanded_open = robot[14] > 0;
  out.slider = scene[0];
  out.drawer = scene[1];
  out.button = scene[2];
  out.lever = scene[3];
  out.bulb_on = scene[4] > 0.5;
  out.led_on = scene[5] > 0.5;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto* at = scene.data() + 6 + 6 * i;
    out.blocks[i] = pose_from_euler({at[0], at[1], at[2]}, {at[3], at[4], at[5]});
  }
  const Vector3& tcp = out.world_from_tcp.position;
  const bool gripping =
      !out.gripper_commanded_open && out.gripper_opening < kHeldOpening && out.gripper_opening > kClosedOpening;
  for (std::size_t i = 0; i < 3; ++i) {
    const Vector3& place = out.blocks[i].position;
    const bool between =
        std::hypot(place[0] - tcp[0], place[1] - tcp[1]) < 0.024 && std::abs(place[2] - tcp[2]) < 0.024;
    out.touches_both_fingers[i] = between && gripping;
    out.touches_finger[i] = between && out.gripper_opening < 2 * kBlockHalf + 0.010;
    out.touches_table[i] = std::abs(place[2] - kBlockOnTable) < kTouch;
    out.touches_drawer[i] = place[2] < kTableTop - 0.01 && place[2] < kDrawerMiddle[2] + kBlockHalf + 0.012;
    for (std::size_t j = 0; j < 3; ++j) {
      const Vector3& other = out.blocks[j].position;
      out.touches_block[i][j] = i != j && std::hypot(place[0] - other[0], place[1] - other[1]) < 1.7 * kBlockHalf &&
                                std::abs(std::abs(place[2] - other[2]) - 2 * kBlockHalf) < 0.006;
    }
  }
  return out;
}

}  // namespace deer
