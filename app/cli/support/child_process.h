// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace deer::cli {

/// How a process ended.
struct ProcessEnd {
  std::string text = "exited with status 0";
  bool succeeded = true;     ///< it exited with status 0
  bool interrupted = false;  ///< it exited with status 130, or was killed by SIGINT or SIGTERM
};

/// Waits for a process that this one started.
ProcessEnd wait_for(pid_t process);

/// Result of a finished process.
struct ChildResult {
  std::string output;  ///< its standard output; beyond 16 MiB the beginning is dropped
  ProcessEnd end;
};

/// Runs a program and waits for it. It shares our standard error, and gets SIGTERM if this process dies. `arguments`
/// starts with the program's path. Throws Error if it cannot be started.
ChildResult run_child(const std::vector<std::string>& arguments);

}  // namespace deer::cli
