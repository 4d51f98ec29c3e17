// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/average_budget.h"

#include <cmath>
#include <cstdio>

#include "core/base/error.h"

namespace deer {
namespace {

struct Range {
  double shallow = 0;  // parameter that leaves early
  double deep = 0;
};

// Where the shares change; beyond, the family is at its ends.
Range range_of(ExitDistribution distribution, std::size_t exits) {
  const auto count = static_cast<double>(exits);
  switch (distribution) {
    case ExitDistribution::exponential:
      return {1e-3, 1e3};
    case ExitDistribution::gaussian:
      return {-6, count + 5};
    case ExitDistribution::gamma:
      return {1e-2, 3 * count + 20};
  }
  return {1e-3, 1e3};
}

BudgetSolution solve_at(const CalibrationValues& values, std::span<const double> costs, ExitDistribution distribution,
                        double parameter, bool skip_first) {
  BudgetSolution out;
  out.parameter = parameter;
  const auto shares = target_shares(distribution, parameter, static_cast<std::int64_t>(costs.size()), skip_first);
  out.thresholds = solve_thresholds(values, shares);
  out.counts = exit_counts(values, out.thresholds);
  for (std::size_t i = 0; i < costs.size(); ++i) out.mean_cost += static_cast<double>(out.counts[i]) * costs[i];
  out.mean_cost /= static_cast<double>(values.samples);
  return out;
}

}  // namespace

BudgetSolution solve_for_average(const CalibrationValues& values, std::span<const double> costs, double average,
                                 ExitDistribution distribution, bool skip_first) {
  if (costs.empty()) throw Error("no exit is allowed");
  if (!std::isfinite(average)) throw Error("the average budget is not a number");
  const Range range = range_of(distribution, costs.size());
  const auto at = [&](double parameter) { return solve_at(values, costs, distribution, parameter, skip_first); };
  auto shallow = at(range.shallow);
  auto deep = at(range.deep);
  const double smallest = shallow.mean_cost;
  const double largest = deep.mean_cost;
  if (average < smallest) {
    char text[160];
    std::snprintf(text, sizeof text,
                  "an average of %.4g cannot be met: the least that this calibration set allows is %.4g", average,
                  smallest);
    throw Error(text);
  }
  BudgetSolution best = average >= largest ? deep : shallow;
  if (average < largest) {
    // The exponential's parameter is a ratio: halve its logarithm.
    const bool ratio = distribution == ExitDistribution::exponential;
    double low = ratio ? std::log(range.shallow) : range.shallow;
    double high = ratio ? std::log(range.deep) : range.deep;
    constexpr int kHalvings = 60;
    for (int i = 0; i < kHalvings; ++i) {
      const double middle = (low + high) / 2;
      auto tried = at(ratio ? std::exp(middle) : middle);
      if (tried.mean_cost <= average) {
        low = middle;
        if (tried.mean_cost >= best.mean_cost) best = std::move(tried);
      } else {
        high = middle;
      }
    }
  }
  best.smallest_mean = smallest;
  best.largest_mean = largest;
  return best;
}

}  // namespace deer
