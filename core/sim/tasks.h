// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/sim/play_table.h"

namespace deer {

/// One of CALVIN's tasks in this world (conf/tasks/new_playtable_tasks.yaml).
struct Task {
  enum class Kind {
    open_drawer,
    close_drawer,
    move_slider_left,
    move_slider_right,
    turn_on_led,
    turn_off_led,
    turn_on_lightbulb,
    turn_off_lightbulb,
    push_left,
    push_right,
    rotate_left,
    rotate_right,
    lift_table,
    lift_drawer,
    place_in_drawer,
    stack_block,
    unstack_block,
  };
  std::string name;  ///< CALVIN's, for example "push_red_block_left"
  Kind kind;
  std::optional<Block> block;             ///< the block it names, if any
  std::vector<std::string> instructions;  ///< several phrasings, plain English
};

/// All tasks, in a fixed order.
std::span<const Task> all_tasks();

/// Throws Error that lists the tasks.
const Task& task_named(std::string_view name);

/// The task whose phrasing is exactly `instruction` (case and outer blanks aside); null if none.
const Task* task_of_instruction(std::string_view instruction);

/// CALVIN's success check: whether `now` differs from `start` as the task requires.
bool succeeded(const Task& task, const TableState& start, const TableState& now);

/// Whether the task can start in this state: the drawer is not already open, a block is held if required, the block is
/// not inside a closed drawer, and so on.
bool possible(const Task& task, const TableState& state);

}  // namespace deer
