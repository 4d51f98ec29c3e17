// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

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
  /// options override them (deer::apply()); without a model its exits are not checked. Throws Error.
  ExitPolicy apply(ExitPolicy policy, const ModelSummary* model = nullptr) const;
};

void add_engine_options(CLI::App& command, EngineOptions& options);

}  // namespace deer::cli
