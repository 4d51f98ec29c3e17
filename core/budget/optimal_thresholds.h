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
  /// Thresholds that stay as they are, one per allowed exit, NaN: free; empty: all are free.
  std::vector<float> locked;
  std::stop_token stop;  ///< throws Cancelled
};

/// Thresholds that make the mean action error against the deepest exit as small as can be found while the mean
/// cost on the calibration set is at most `budget`. `costs` holds the cost of leaving at each allowed exit, increasing.
///
/// The sum of error and price * cost is minimised by exact choice of one threshold after another (best prefix of
/// the sorted values, given the others), from the deepest to the first, until none changes; the price by bisection.
/// What is left of the budget is then spent by the same exact choice of single thresholds under the budget itself,
/// from there and from the solution of each exit distribution, and once more after each threshold was moved to other
/// places.
///
/// Guaranteed: the budget is met; the error is at most that of every exit distribution at the same budget; no
/// single threshold can be moved to a lower error within the budget; with three exits and at most 64 samples (and
/// not `quick`) nothing better exists. In general the problem has local optima and no better is promised.
/// Throws Error if the set has no errors, or no thresholds meet the budget.
CalibrationOutcome optimal_thresholds(const PreparedCalibration& set, std::span<const double> costs, double budget,
                                      const OptimalOptions& options = {});

/// A point of a plot of cost against error.
struct ParetoPoint {
  double cost = 0;       ///< mean on the calibration set
  double error = 0;      ///< mean action error against the deepest exit
  double parameter = 0;  ///< the distribution's, or the price of one unit of cost
  std::vector<float> thresholds;
};

/// The curve that a family of exit distributions draws when its parameter runs over its range. Throws Error if the
/// set has no errors.
std::vector<ParetoPoint> family_curve(const PreparedCalibration& set, std::span<const double> costs,
                                      ExitDistribution family, int points = 40, bool skip_first = false);

/// The lower hull that the optimal thresholds draw: by increasing cost, each point cheaper or better than every
/// other. Between two of them only a mixture of both lies on the hull. Throws Error if the set has no errors.
std::vector<ParetoPoint> optimal_curve(const PreparedCalibration& set, std::span<const double> costs, int points = 40,
                                       const OptimalOptions& options = {});

}  // namespace deer
