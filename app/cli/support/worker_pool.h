// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/json_file.h"

namespace deer::cli {

/// Runs jobs in separate processes: this program started again with `command`, each with a socket as standard input
/// that carries JSON lines in both directions. New processes instead of forks, because threads, graphics contexts and
/// LibTorch's state do not survive a fork.
struct WorkerPool {
  std::vector<std::string> command;  ///< arguments after the program's name; the command must call serve_jobs()
  int workers = 1;
  int threads = 1;  ///< for arithmetic, per process

  struct Events {
    /// Called with each job's result, in order of completion.
    std::function<void(std::size_t job, const Json& result)> done;
    /// Called with a worker's reports on a running job.
    std::function<void(std::size_t job, const Json& report)> report;
    /// Called at least twice a second.
    std::function<void()> idle;
  };

  /// Passes `setup` to each worker, then jobs in order to idle workers. Returns true when all are done, false on SIGINT
  /// or SIGTERM: the workers are then killed and unfinished jobs are lost. Throws Error with the worker's message if a
  /// job fails or a worker dies.
  bool run(const Json& setup, const std::vector<Json>& jobs, const Events& events) const;
};

/// The worker's side: makes the job function from the setup, and serves jobs until the parent is gone. `report` sends a
/// message about the running job.
using JobReport = std::function<void(const Json&)>;
using Job = std::function<Json(const Json& job, const JobReport& report)>;
void serve_jobs(const std::function<Job(const Json& setup)>& make_job);

/// The arguments this program was started with, without its name.
std::vector<std::string> own_arguments();

}  // namespace deer::cli
