// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/budget/exit_costs.h"
#include "core/budget/prepared_calibration.h"
#include "core/budget/threshold_solver.h"

namespace deer {

/// How thresholds are chosen among those that meet a budget.
enum class ThresholdMethod {
  exponential,  ///< the paper's distribution of exits
  gaussian,
  gamma,
  optimal,  ///< least action error against the deepest exit; needs a calibration set with errors
};

/// "exp", "gauss", "gamma", "optimal". Throws Error that lists the accepted names.
ThresholdMethod parse_threshold_method(std::string_view name);
std::string_view to_string(ThresholdMethod method);

/// What GFLOPs cover.
enum class GflopScope {
  llm,    ///< decoder layers with their cross-attention: what the paper reports
  total,  ///< the whole step
};

/// Limits of a budget. Empty fields are no limit; all others apply together. Means are over the calibration set,
/// peaks are of the most expensive possible step.
struct BudgetRequest {
  std::optional<double> average_gflops;
  std::optional<double> average_depth;  ///< layers, exit layer + 1
  std::optional<double> average_ms;
  std::optional<double> peak_gflops;
  std::optional<double> peak_ms;
  std::optional<double> memory_bytes;  ///< MemoryUse::total() of the deepest allowed exit
  std::optional<int> max_layer;        ///< use only layers below this one
  GflopScope scope = GflopScope::llm;
  ThresholdMethod method = ThresholdMethod::exponential;
  bool skip_first = false;  ///< disable the first exit: the reference's rule for its 9B model
  /// Locked thresholds, one per exit of the calibration set, NaN: not locked. Empty: none is locked.
  std::vector<float> locked;
  bool quick = false;  ///< ThresholdMethod::optimal: less search, for estimates

  bool operator==(const BudgetRequest& other) const;  ///< NaN equals NaN
};

enum class Constraint { average_gflops, average_depth, average_ms, peak_gflops, peak_ms, memory, max_layer };
std::string_view to_string(Constraint constraint);

/// Result for one constraint, in its own unit (bytes for memory).
struct ConstraintState {
  Constraint constraint = Constraint::average_depth;
  double asked = 0;
  double got = 0;    ///< with the thresholds of the solution
  double least = 0;  ///< minimum: no exit, or no member of the family, costs less
  bool met = true;
  bool binds = false;  ///< without it, the solution would go deeper
  /// `least` is the method's, with what is locked: another method or fewer locked thresholds may go below it.
  bool least_is_of_method = false;
};

/// Mean and peak of one cost; NaN if unknown.
struct MeanAndPeak {
  double mean = 0;
  double peak = 0;
};

/// Thresholds for a request, and their costs.
struct BudgetSolution {
  bool feasible = false;  ///< if not, although every constraint is met: they cannot be met together
  std::string problem;    ///< one line: the unmet constraint and its minimum; empty if feasible

  /// Of the closest possible solution if the request is infeasible; empty if no exit is allowed at all.
  std::vector<int> exit_layers;      ///< allowed exits, shallow to deep
  std::vector<float> thresholds;     ///< one for each
  std::vector<std::int64_t> counts;  ///< samples that exit at each
  std::optional<double> parameter;  ///< of the distribution; none if optimal, or if every step may use the deepest exit

  MeanAndPeak depth;
  MeanAndPeak llm_gflops;
  MeanAndPeak total_gflops;
  MeanAndPeak milliseconds;
  MemoryUse memory;                ///< zeros if unknown
  double mean_error = 0;           ///< action error from the deepest exit; NaN if the set has no errors
  double mean_recorded_error = 0;  ///< from the recorded action; NaN if the set has none
  double saving = 0;  ///< share of the mean LLM GFLOPs (of depth, if unknown) saved compared with full depth

  std::vector<ConstraintState> constraints;  ///< those of the request
  std::int64_t samples = 0;
  bool estimate = false;  ///< from a subsample

  int deepest_layer() const { return exit_layers.empty() ? -1 : exit_layers.back(); }
};

/// Solves a request. Values in, values out: call it from any thread. With one of the paper's families it takes about a
/// millisecond for 100,000 samples of six exits; `optimal` takes seconds, or a frame on a subsample with
/// `quick` set. `costs` has one entry for each exit of the set.
///
/// Infeasible requests are reported in the solution. Throws Error if the request is invalid (an unknown cost, NaN,
/// optimal without errors); Cancelled.
BudgetSolution solve_budget(const PreparedCalibration& set, const ExitCosts& costs, const BudgetRequest& request,
                            std::stop_token stop = {});

/// The same figures for given thresholds (for the allowed exits, shallow to deep). Constraints of `request` are
/// checked, not solved for.
BudgetSolution evaluate_thresholds(const PreparedCalibration& set, const ExitCosts& costs,
                                   const std::vector<float>& thresholds, const BudgetRequest& request = {});

}  // namespace deer
