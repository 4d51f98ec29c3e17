// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

namespace deer::cli {

/// What a finished process left.
struct ChildResult {
  std::string output;        ///< its standard output; what is beyond 16 MiB is dropped from the front
  std::string end;           ///< in words, empty if it left with status 0
  bool interrupted = false;  ///< it left with status 130, or was ended by SIGINT or SIGTERM
};

/// Runs a program and waits for it. Its standard error is ours; it is asked to end (SIGTERM) if this process dies.
/// `arguments` begins with the program's path. Throws Error if it cannot be started.
ChildResult run_child(const std::vector<std::string>& arguments);

}  // namespace deer::cli
