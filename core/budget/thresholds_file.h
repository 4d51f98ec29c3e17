// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json_file.h"
#include "core/budget/budget_solver.h"
#include "core/exits/exit_policy.h"

namespace deer {

/// Thresholds with what one must know to use and to trust them.
struct ThresholdsFile {
  std::vector<int> exit_layers;    ///< allowed exits, shallow to deep; empty if the file does not name them
  std::vector<double> thresholds;  ///< one for each
  Criterion criterion = Criterion::action_delta;
  DeltaType delta_type = DeltaType::l2;
  std::map<std::string, std::string> provenance;  ///< of the calibration set, or of the tuner
  Json solution;                                  ///< request and predicted figures; null if there are none
};

/// Of a solution, with the provenance, criterion and delta type of the set it was made from.
ThresholdsFile thresholds_of(const BudgetSolution& solution, const BudgetRequest& request, const CalibrationSet& set);

/// Writes JSON that `deer run --thresholds` and `deer eval --thresholds` take. Throws FileError.
void write_thresholds(const std::filesystem::path& file, const ThresholdsFile& thresholds);

/// Reads what write_thresholds() wrote, a JSON list of numbers, or text: the numbers that follow the reference's
/// `--thresholds` on an argument line, or a line of numbers with commas or blanks, as its evaluation prints.
/// "always" and "never" stand for numbers. Throws FileError naming the field.
ThresholdsFile read_thresholds(const std::filesystem::path& file);

/// The arguments by which the reference's evaluation (eval_calvin.py) uses these thresholds:
/// `--thresholds 0.02 0.003 … 100000000.0`, with `--max_layer` if the deepest allowed exit is not the model's,
/// `--threshold_type` if it is not L2, and `--value_type sim` for feature similarity. Throws Error if the
/// reference has no such criterion.
std::string reference_arguments(const ThresholdsFile& thresholds, int last_exit_layer);

/// The solution as JSON: thresholds, exits, figures, constraints, what was asked.
Json to_json(const BudgetSolution& solution, const BudgetRequest& request);

}  // namespace deer
