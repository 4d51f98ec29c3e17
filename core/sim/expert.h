// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>

#include "core/sim/tasks.h"

namespace deer {

/// A scripted solver of a task. It depends only on the current state (and the state at the start of the task), so it
/// can continue from wherever a disturbance or a policy has moved the arm.
class Expert {
 public:
  Expert(const Task& task, const TableState& start)
      : Expert(task, start, blocks_of(task, start).value_or(TaskBlocks{})) {}
  /// With these blocks in place of those that the task means.
  Expert(const Task& task, const TableState& start, const TaskBlocks& blocks)
      : task_(&task), start_(start), blocks_(blocks) {}

  /// The relative action for this state, for PlayTable::step().
  std::array<double, 7> act(const TableState& state) const;

 private:
  std::array<double, 7> act_in_sequence(const TableState& state) const;

  const Task* task_;
  TableState start_;
  TaskBlocks blocks_;
};

/// The hand's yaw (rad, world frame), closest to its usual one, at which the pads are parallel to sides of the block.
double grasp_yaw(const Pose& block);

}  // namespace deer
