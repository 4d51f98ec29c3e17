// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>

#include "core/sim/tasks.h"

namespace deer {

/// A scripted solver of a task. It depends only on the current state (and the state at the start of the task), so it
/// can continue from wherever a disturbance or a policy has moved the arm.
class Expert {
 public:
  Expert(const Task& task, const TableState& start) : task_(&task), start_(start) {}

  /// The relative action for this state, for PlayTable::step().
  std::array<double, 7> act(const TableState& state) const;

 private:
  const Task* task_;
  TableState start_;
};

}  // namespace deer
