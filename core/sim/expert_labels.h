// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/sim/tasks.h"

namespace deer {

/// An instruction and what its expert would have done in each of some states.
struct ExpertLabels {
  const Task* task = nullptr;
  std::string instruction;     ///< one of its phrasings
  std::vector<float> actions;  ///< [steps, 7] relative actions
};

/// The experts look at the present state alone, so any stretch of a recording can be told what to do for another task
/// than the one that was under way: one of `tasks` that could be begun in the first state, drawn by `seed`; nothing if
/// none could. `robot_obs` [steps, 15] and `scene_obs` [steps, 24] as recorded (see observed_state()). Thread-safe.
std::optional<ExpertLabels> label_with_another_task(std::span<const float> robot_obs, std::span<const float> scene_obs,
                                                    std::span<const Task* const> tasks, std::uint64_t seed);

}  // namespace deer
