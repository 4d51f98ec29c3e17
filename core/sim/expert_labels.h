// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/sim/tasks.h"

namespace deer {

/// An instruction and its expert's actions in given states.
struct ExpertLabels {
  const Task* task = nullptr;
  std::string instruction;     ///< one of its phrasings
  std::vector<float> actions;  ///< [steps, 7] relative actions
  /// In the first state, the block that the instruction refers to: from the TCP to it (m, world frame), and how far the
  /// hand has to turn to grasp it (rad, at most π/4 either way). None if it refers to no block.
  std::optional<std::array<double, 4>> meant_block;
};

/// The experts depend only on the current state, so any stretch of a recording can be labelled with the actions for
/// another task: one of `tasks` that could start in the first state, drawn by `seed`: every difficulty of each suite
/// equally likely, and in it every name; empty if there is none. `robot_obs` [steps, 15] and `scene_obs` [steps, 24] as
/// recorded (see observed_state()); `blocks` [steps, B, 8] as in SceneBlock, NaN beyond those of the scene, or empty.
/// Of the suite "referring", only what is for training is used. Thread-safe.
std::optional<ExpertLabels> label_with_another_task(std::span<const float> robot_obs, std::span<const float> scene_obs,
                                                    std::span<const float> blocks, std::span<const Task* const> tasks,
                                                    std::uint64_t seed);

/// The names of those of `tasks` that could start in the first state and refer to a block. Arguments as above.
std::vector<std::string> tasks_about_blocks(std::span<const float> robot_obs, std::span<const float> scene_obs,
                                            std::span<const float> blocks, std::span<const Task* const> tasks);

}  // namespace deer
