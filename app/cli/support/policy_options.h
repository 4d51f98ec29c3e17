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

/// The options that say where a model stops, the same for every command that runs one.
struct PolicyOptions {
  std::optional<std::string> thresholds;
  std::string criterion;
  std::string delta_type;  ///< empty: that of the file of thresholds, otherwise L2
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

  /// What the options change of the policy in force. A file of thresholds brings its criterion, its delta type and how
  /// deep it goes, unless options say otherwise; with the model's `exit_layers`, one of other exits is refused. Throws
  /// Error.
  ExitPolicy apply(ExitPolicy policy, std::span<const int> exit_layers = {}) const;
};

/// Refuses thresholds of `file` for other exits than the model's `exit_layers` or the first of them. Throws FileError.
void check_exit_layers(const std::string& file, const ThresholdsFile& thresholds, std::span<const int> exit_layers);

void add_engine_options(CLI::App& command, EngineOptions& options);

/// The policy as results name it.
Json to_json(const ExitPolicy& policy);

}  // namespace deer::cli
