// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "core/sim/tasks.h"

namespace deer::cli {

/// Tasks from a list such as "open_drawer,close_drawer"; "push_*" matches all tasks that start with it; empty means
/// all. Throws Error that lists the tasks.
std::vector<const Task*> parse_tasks(const std::string& list);

/// Names of the tasks.
std::vector<std::string> names_of(const std::vector<const Task*>& tasks);

}  // namespace deer::cli
