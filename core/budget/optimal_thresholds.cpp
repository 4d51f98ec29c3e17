// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/optimal_thresholds.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/budget/family_search.h"
#include "core/budget/threshold_descent.h"

namespace deer {
namespace {

using Totals = ThresholdDescent::Totals;

constexpr ExitDistribution kFamilies[] = {ExitDistribution::exponential, ExitDistribution::gaussian,
                                          ExitDistribution::gamma};

void check(const PreparedCalibration& set, std::span<const double> costs) {
  if (!set.has_errors()) {
    throw Error("the calibration set has no action errors, which optimal thresholds need: calibrate again");
  }
  if (costs.empty() || costs.size() > static_cast<std::size_t>(set.exits())) {
    throw Error("costs for " + std::to_string(costs.size()) + " exits given, expected 1 to " +
                std::to_string(set.exits()));
  }
  for (std::size_t i = 0; i < costs.size(); ++i) {
    if (!std::isfinite(costs[i]) || (i > 0 && costs[i] < costs[i - 1])) {
      throw Error("the costs of the exits are not increasing");
    }
  }
}

// A price at which every sample takes the first exit, if earlier exits are cheaper at all.
double highest_price(const PreparedCalibration& set, std::span<const double> costs) {
  double largest = 0;
  for (const auto& row : set.set().errors) {
    for (const float error : row) largest = std::max(largest, static_cast<double>(error));
  }
  double gap = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < costs.size(); ++i) {
    if (costs[i] > costs[i - 1]) gap = std::min(gap, costs[i] - costs[i - 1]);
  }
  return std::isfinite(gap) && largest > 0 ? 2 * largest / gap : 1.0;
}

class Search {
 public:
  Search(const PreparedCalibration& set, std::span<const double> costs, double budget, const OptimalOptions& options)
      : set_(set),
        costs_(costs),
        options_(options),
        descent_(set, costs, options.locked),
        mean_budget_(budget),
        budget_(budget * static_cast<double>(set.samples())) {}

  std::vector<float> run() {
    try_prices();
    for (const auto family : kFamilies) {
      const auto found = search_family(set_, costs_, mean_budget_, family, false, options_.locked);
      if (found.met) consider(found.outcome.thresholds, true);
    }
    // In case the price search missed a solution: also start from all samples going deepest and all exiting first.
    consider(descent_.start(), false);
    std::vector<float> everybody(costs_.size(), static_cast<float>(kAlwaysLeave));
    descent_.lock(everybody);
    consider(everybody, false);
    if (!options_.quick && !best_.empty()) move_single_thresholds();
    return best_;
  }

 private:
  void check_stop() const {
    if (options_.stop.stop_requested()) throw Cancelled();
  }

  bool fits(const Totals& totals) const { return totals.cost <= budget_ * (1 + 1e-12) + 1e-12; }

  void keep(const std::vector<float>& thresholds, const Totals& totals) {
    if (!fits(totals)) return;
    const bool better = best_.empty() || totals.error < best_totals_.error ||
                        (totals.error == best_totals_.error && totals.cost < best_totals_.cost);
    if (!better) return;
    best_ = thresholds;
    best_totals_ = totals;
  }

  void consider(std::vector<float> thresholds, bool as_it_is) {
    check_stop();
    if (as_it_is) keep(thresholds, descent_.totals(thresholds));
    const auto totals = descent_.minimise_within(thresholds, budget_, descent_.exits());
    keep(thresholds, totals);
  }

  // The cheapest price at which the budget holds.
  void try_prices() {
    const int halvings = options_.quick ? 10 : 24;
    const double top = highest_price(set_, costs_);
    double low = std::log(top * 1e-9);
    double high = std::log(top);
    auto warm = descent_.start();
    std::vector<float> within;
    for (int i = 0; i < halvings; ++i) {
      check_stop();
      const double middle = (low + high) / 2;
      const double price = std::exp(middle);
      auto totals = descent_.minimise(warm, price);
      if (!options_.quick) {
        auto fresh = descent_.start();
        const auto other = descent_.minimise(fresh, price);
        if (other.error + price * other.cost < totals.error + price * totals.cost) {
          warm = fresh;
          totals = other;
        }
      }
      if (fits(totals)) {
        keep(warm, totals);
        within = warm;
        high = middle;
      } else {
        low = middle;
      }
    }
    if (!within.empty()) consider(within, false);
    consider(warm, false);
  }

  // Move each threshold in turn and re-optimise the rest, as long as that helps.
  void move_single_thresholds() {
    constexpr std::size_t kPlaces = 64;
    constexpr int kRounds = 3;
    // Try fewer positions with many samples: each takes a few passes over all of them.
    const auto places = set_.samples() <= 20000 ? kPlaces : kPlaces / 8;
    for (int round = 0; round < kRounds; ++round) {
      const auto before = best_totals_;
      for (std::size_t exit = 0; exit + 1 < descent_.exits(); ++exit) {
        if (descent_.is_locked(exit)) continue;
        const auto values = set_.sorted(exit);
        const auto count = std::min(places, values.size());
        for (std::size_t k = 0; k <= count; ++k) {
          check_stop();
          auto thresholds = best_;
          // All values if they are few, otherwise evenly spaced ranks; and once "never".
          const auto rank = count == 0 ? 0 : (2 * k + 1) * values.size() / (2 * count);
          thresholds[exit] = k == count ? static_cast<float>(kNeverLeave) : values[std::min(rank, values.size() - 1)];
          const auto totals = descent_.minimise_within(thresholds, budget_, exit);
          if (!fits(totals) || totals.error >= best_totals_.error) continue;
          keep(thresholds, totals);
          const auto settled = descent_.minimise_within(thresholds, budget_, descent_.exits());
          keep(thresholds, settled);
        }
      }
      if (best_totals_.error >= before.error) return;
    }
  }

  const PreparedCalibration& set_;
  std::span<const double> costs_;
  const OptimalOptions& options_;
  ThresholdDescent descent_;
  double mean_budget_;
  double budget_;
  std::vector<float> best_;
  Totals best_totals_;
};

ParetoPoint point_of(const CalibrationOutcome& outcome, std::span<const double> costs, double parameter) {
  return {mean_cost(outcome.counts, costs), outcome.mean_error, parameter, outcome.thresholds};
}

}  // namespace

CalibrationOutcome optimal_thresholds(const PreparedCalibration& set, std::span<const double> costs, double budget,
                                      const OptimalOptions& options) {
  check(set, costs);
  if (!std::isfinite(budget)) throw Error("the average budget is not a number");
  const auto thresholds = Search(set, costs, budget, options).run();
  if (thresholds.empty()) {
    throw Error("an average of " + general_text(budget, 4) + " is infeasible; the first exit already costs " +
                general_text(costs.front(), 4));
  }
  return set.evaluate(thresholds);
}

std::vector<ParetoPoint> family_curve(const PreparedCalibration& set, std::span<const double> costs,
                                      ExitDistribution family, int points, bool skip_first,
                                      const std::stop_token& stop) {
  check(set, costs);
  const auto range = parameter_range(family, costs.size());
  std::vector<ParetoPoint> out;
  for (int i = 0; i < points; ++i) {
    if (stop.stop_requested()) throw Cancelled();
    const double parameter = range.at(points > 1 ? static_cast<double>(i) / (points - 1) : 0.5);
    const auto shares = target_shares(family, parameter, static_cast<std::int64_t>(costs.size()), skip_first);
    out.push_back(point_of(set.solve(shares), costs, parameter));
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.cost < b.cost; });
  return out;
}

std::vector<ParetoPoint> optimal_curve(const PreparedCalibration& set, std::span<const double> costs, int points,
                                       const OptimalOptions& options) {
  check(set, costs);
  const ThresholdDescent descent(set, costs, options.locked);
  const double top = highest_price(set, costs);
  std::vector<ParetoPoint> found;
  auto warm = descent.start();
  for (int i = 0; i < points; ++i) {
    if (options.stop.stop_requested()) throw Cancelled();
    // From price 0 to the price at which every sample takes the first exit; most changes are at small prices.
    const double price = i == 0 ? 0.0 : top * std::exp(std::log(1e-6) * (1 - static_cast<double>(i) / (points - 1)));
    auto totals = descent.minimise(warm, price);
    auto fresh = descent.start();
    const auto other = descent.minimise(fresh, price);
    if (other.error + price * other.cost < totals.error + price * totals.cost) warm = fresh;
    found.push_back(point_of(set.evaluate(warm), costs, price));
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.cost < b.cost || (a.cost == b.cost && a.error < b.error);
  });
  std::vector<ParetoPoint> out;
  for (auto& point : found) {
    if (out.empty() || point.error < out.back().error) out.push_back(std::move(point));
  }
  return out;
}

}  // namespace deer
