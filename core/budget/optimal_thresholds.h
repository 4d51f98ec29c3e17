// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <stop_token>
#include <vector>

#include "core/budget/prepared_calibration.h"
#include "core/budget/threshold_solver.h"

namespace deer {

struct OptimalOptions {
  /// Fewer price steps and no search beyond single thresholds: for estimates while a slider moves.
  bool quick = false;
  /// Locked thresholds, one per allowed exit, NaN: not locked; empty: none is locked.
  std::vector<float> locked;
  std::stop_token stop;  ///< throws Cancelled
};

/// Thresholds with the lowest mean action error from the deepest exit that was found, with a mean cost on the
/// calibration set of at most `budget`. `costs` holds the cost of each allowed exit, increasing.
///
/// error + price * cost is minimised by choosing thresholds one by one, exactly (best prefix of the sorted values given
/// the others), from the deepest to the first, until none changes; the price is found by bisection. The remaining
/// budget is spent by the same exact choice under the budget itself, starting from this solution and from that of each
/// exit distribution, and once more after moving each threshold.
///
/// Guaranteed: the budget is met; the error is at most that of every exit distribution at the same budget; no
/// single threshold can be moved to a lower error within the budget; with three exits and at most 64 samples (and
/// not `quick`) it is the optimum. In general there are local optima and nothing better is guaranteed.
/// Throws Error if the set has no errors, or no thresholds meet the budget.
CalibrationOutcome optimal_thresholds(const PreparedCalibration& set, std::span<const double> costs, double budget,
                                      const OptimalOptions& options = {});

/// A point of an error-over-cost curve.
struct ParetoPoint {
  double cost = 0;       ///< mean on the calibration set
  double error = 0;      ///< mean action error from the deepest exit
  double parameter = 0;  ///< the distribution's, or the price of one unit of cost
  std::vector<float> thresholds;
};

/// The curve of a family of exit distributions over the range of its parameter. Throws Error if the set has no errors;
/// Cancelled.
std::vector<ParetoPoint> family_curve(const PreparedCalibration& set, std::span<const double> costs,
                                      ExitDistribution family, int points = 40, bool skip_first = false,
                                      const std::stop_token& stop = {});

/// The lower hull of optimal thresholds, by increasing cost: each point is cheaper or better than every other. Between
/// two of them only a mixture of both lies on the hull. Throws Error if the set has no errors.
std::vector<ParetoPoint> optimal_curve(const PreparedCalibration& set, std::span<const double> costs, int points = 40,
                                       const OptimalOptions& options = {});

}  // namespace deer
