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
  std::string gate;        ///< file; the criterion is then learned_gate unless another is named
  std::string delta_type;  ///< empty: the thresholds file's, otherwise L2 for other thresholds
  std::optional<int> exit_layer;
  std::optional<int> max_layer;
  std::optional<int> steps_per_stage;
  std::optional<int> steps_per_exit;
  std::optional<int> executions;
  std::optional<int> refresh_every;
  bool ensemble = false;
  bool own_head = false;
  bool leave_above = false;

  void add_to(CLI::App& command);

  bool operator==(const PolicyOptions&) const = default;

  /// Applies the options that were given to a policy, such as a model's or a server's. A thresholds file also sets
  /// criterion, gate, delta type and maximum depth, unless options override them (deer::apply()); without a model its
  /// exits are not checked. Throws Error.
  ExitPolicy apply(ExitPolicy policy, const ModelSummary* model = nullptr) const;
};

/// The gate of `file` if it is given, and otherwise the one that `wanted` names, as find_gate() finds it for `model`.
/// Throws Error if it is not there, or `file` is another than `wanted`.
GateReference chosen_gate(const std::string& file, const GateReference& wanted, const std::filesystem::path& model);

void add_engine_options(CLI::App& command, EngineOptions& options);

}  // namespace deer::cli
