// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

namespace deer {

/// Names of the numbers of CALVIN's actions and robot_obs, in datasets of other formats.
inline const std::vector<std::string>& calvin_action_names() {
  static const std::vector<std::string> names = {"x", "y", "z", "roll", "pitch", "yaw", "gripper"};
  return names;
}

inline const std::vector<std::string>& calvin_robot_names() {
  static const std::vector<std::string> names = {
      "x",       "y",       "z",       "roll",    "pitch",   "yaw",     "gripper_width", "joint_1",
      "joint_2", "joint_3", "joint_4", "joint_5", "joint_6", "joint_7", "gripper"};
  return names;
}

}  // namespace deer
