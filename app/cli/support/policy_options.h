// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <span>
#include <string>

#include "core/base/json_file.h"
#include "core/budget/thresholds_file.h"
#include "core/exits/engine.h"

namespace deer::cli {

/// Options that decide where a model exits, shared by all commands that run one.
struct PolicyOptions {
  std::optional<std::string> thresholds;
  std::string criterion;
  std::string delta_type;  ///< empty: the thresholds file's, otherwise L2
  std::optional<int> exit_layer;
  std::optional<int> max_layer;
  int steps_per_stage = 1;
  int steps_per_exit = 60;
  int executions = 1;
  int refresh_every = 0;
  bool ensemble = false;
  bool own_head = false;
  bool leave_above = false;

  void add_to(CLI::App& command);

  /// Applies the options to a policy. A thresholds file also sets criterion, delta type and maximum depth, unless
  /// options override them; given the model's `exit_layers`, a file for other exits is refused. Throws Error.
  ExitPolicy apply(ExitPolicy policy, std::span<const int> exit_layers = {}) const;
};

/// Throws FileError if the thresholds of `file` are not for the model's `exit_layers` or the first of them.
void check_exit_layers(const std::string& file, const ThresholdsFile& thresholds, std::span<const int> exit_layers);

void add_engine_options(CLI::App& command, EngineOptions& options);

/// The policy as written to result files.
Json to_json(const ExitPolicy& policy);

}  // namespace deer::cli
