// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json_file.h"
#include "core/budget/budget_solver.h"
#include "core/exits/exit_policy.h"

namespace deer {

struct ModelSummary;

/// Thresholds with the information needed to use them.
struct ThresholdsFile {
  std::vector<int> exit_layers;    ///< allowed exits, shallow to deep; empty if the file does not name them
  std::vector<double> thresholds;  ///< one for each
  Criterion criterion = Criterion::action_delta;
  DeltaType delta_type = DeltaType::l2;
  std::map<std::string, std::string> provenance;  ///< of the calibration set, or of the tuner
  Json solution;                                  ///< request and predicted figures; null if there are none
  std::filesystem::path file = {};                ///< that it was read from, for messages
  GateReference gate = {};                        ///< of Criterion::learned_gate; empty: the model's own

  /// Whether the file said what its thresholds compare; otherwise criterion and delta_type are the paper's.
  bool names_criterion() const { return solution.is_object() && solution.contains("criterion"); }
};

/// From a solution, with the provenance, criterion, delta type and gate of its calibration set.
ThresholdsFile thresholds_of(const BudgetSolution& solution, const BudgetRequest& request, const CalibrationSet& set);

/// Writes JSON for `deer run --thresholds` and `deer eval --thresholds`. Throws FileError.
void write_thresholds(const std::filesystem::path& file, const ThresholdsFile& thresholds);

/// Reads a file from write_thresholds(), a JSON object of numbers by exit layer, or what thresholds_from_text() reads:
/// a list, numbers as the reference's evaluation prints them, or its `--thresholds …` on a line. UTF-8 or UTF-16.
/// Throws FileError naming the field.
ThresholdsFile read_thresholds(const std::filesystem::path& file);

/// What is odd about thresholds for a model with `exits` exits, in a sentence, or empty: a last one that is not
/// "always", although the deepest exit always ends a frame.
std::string oddity(std::span<const double> thresholds, std::size_t exits);

/// Throws FileError unless the thresholds are for `exit_layers`, a model's from shallow to deep, or for the first of
/// them.
void check_exits(const ThresholdsFile& thresholds, std::span<const int> exit_layers);

/// Throws FileError if the file names another criterion, gate or delta type than `set` holds values of.
void check_criterion(const ThresholdsFile& thresholds, const CalibrationSet& set);

/// What a thresholds file means, everywhere: `policy` with the file's thresholds, criterion, gate and delta type, that
/// exits where a value is at most its threshold, and no deeper than the file's last exit. A file that names no exits is
/// for the model's first ones. Throws as check_exits() does.
ExitPolicy apply(const ThresholdsFile& thresholds, const ModelSummary& model, ExitPolicy policy);
/// The same for a solution with the calibration set `set`, which says what is compared.
ExitPolicy apply(const BudgetSolution& solution, const CalibrationSet& set, const ModelSummary& model,
                 ExitPolicy policy);

/// Arguments for the reference's evaluation (eval_calvin.py) to use these thresholds:
/// `--thresholds 0.02 0.003 … 100000000.0`, with `--max_layer` if the deepest allowed exit is not the model's,
/// `--threshold_type` if it is not L2, and `--value_type sim` for feature similarity. Throws Error if the
/// reference has no such criterion.
std::string reference_arguments(const ThresholdsFile& thresholds, int last_exit_layer);

/// The solution as JSON: thresholds, exits, figures, constraints, request.
Json to_json(const BudgetSolution& solution, const BudgetRequest& request);

}  // namespace deer
