// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "core/sim/tasks.h"

namespace deer::cli {

/// "open_drawer,close_drawer" as tasks; "push_*" stands for all that begin so; empty for all there are.
/// Throws Error naming the tasks.
std::vector<const Task*> parse_tasks(const std::string& list);

/// Their names.
std::vector<std::string> names_of(const std::vector<const Task*>& tasks);

}  // namespace deer::cli
