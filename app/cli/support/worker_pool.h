// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/json_file.h"

namespace deer::cli {

/// Runs jobs in processes of their own: this program started anew with `command`, each with a socket as
/// its standard input that carries JSON lines both ways. A process of its own, not a fork: threads,
/// graphics contexts and LibTorch's state do not survive one.
struct WorkerPool {
  std::vector<std::string> command;  ///< arguments after the program's name; the command must call serve_jobs()
  int workers = 1;
  int threads = 1;  ///< for the arithmetic of each

  struct Events {
    /// A job's result, in the order in which they come.
    std::function<void(std::size_t job, const Json& result)> done;
    /// What a worker reported of a job under way.
    std::function<void(std::size_t job, const Json& report)> report;
    /// Called at least twice a second.
    std::function<void()> idle;
  };

  /// Hands `setup` to each worker, then jobs in order to whoever is free. Returns true when all are
  /// done, false if SIGINT or SIGTERM came before: the workers are then ended and what they were at is
  /// lost. Throws Error with a worker's own message if a job fails, or if a worker dies.
  bool run(const Json& setup, const std::vector<Json>& jobs, const Events& events) const;
};

/// The worker's side of it: makes the job function from the setup, and serves jobs until the parent is
/// gone. `report` sends a message about the job under way.
using JobReport = std::function<void(const Json&)>;
using Job = std::function<Json(const Json& job, const JobReport& report)>;
void serve_jobs(const std::function<Job(const Json& setup)>& make_job);

/// The arguments this program was started with, without its name.
std::vector<std::string> own_arguments();

/// CPUs that this process may use.
int usable_cpus();

}  // namespace deer::cli
