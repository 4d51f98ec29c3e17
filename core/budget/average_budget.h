// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <vector>

#include "core/budget/threshold_solver.h"

namespace deer {

/// Thresholds for a mean cost, and what they cost on the calibration set.
struct BudgetSolution {
  std::vector<float> thresholds;     ///< one per allowed exit
  double parameter = 0;              ///< of the distribution
  std::vector<std::int64_t> counts;  ///< samples that leave at each allowed exit
  double mean_cost = 0;
  double largest_mean = 0;  ///< what the family can reach on this set
  double smallest_mean = 0;
};

/// The member of a family of exit distributions whose realised mean cost on the calibration set comes closest to
/// `average` without exceeding it, by bisection on the parameter; thresholds as solve_thresholds() gives them.
/// `costs` holds the cost of leaving at each allowed exit, increasing, in any unit; rows of `values` beyond are
/// ignored. Throws Error naming the nearest mean that can be reached if `average` lies below it.
BudgetSolution solve_for_average(const CalibrationValues& values, std::span<const double> costs, double average,
                                 ExitDistribution distribution, bool skip_first = false);

}  // namespace deer
