// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>

#include "core/sim/tasks.h"

namespace deer {

/// A scripted solver of a task. It looks at the present state only (and at the state in which the task
/// began), so that it goes on sensibly from wherever a disturbance, or a policy, has left the arm.
class Expert {
 public:
  Expert(const Task& task, const TableState& start) : task_(&task), start_(start) {}

  /// The relative action for this state, as PlayTable::step() takes it.
  std::array<double, 7> act(const TableState& state) const;

 private:
  const Task* task_;
  TableState start_;
};

}  // namespace deer
