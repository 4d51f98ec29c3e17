// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/threshold_descent.h"

#include <cmath>
#include <limits>

#include "core/budget/threshold_limits.h"

namespace deer {
namespace {

constexpr int kMostSweeps = 100;
// Smaller gains are rounding errors.
constexpr double kGain = 1e-12;

}  // namespace

ThresholdDescent::ThresholdDescent(const PreparedCalibration& set, std::span<const double> costs,
                                   std::span<const float> locked)
    : set_(set), costs_(costs), locked_(locked) {}

bool ThresholdDescent::is_locked(std::size_t exit) const { return exit < locked_.size() && !std::isnan(locked_[exit]); }

void ThresholdDescent::lock(std::vector<float>& thresholds) const {
  for (std::size_t exit = 0; exit + 1 < exits(); ++exit) {
    if (is_locked(exit)) thresholds[exit] = locked_[exit];
  }
  thresholds.back() = kAlways;
}

std::vector<float> ThresholdDescent::start() const {
  std::vector<float> out(exits(), kNever);
  lock(out);
  return out;
}

ThresholdDescent::Totals ThresholdDescent::totals(std::span<const float> thresholds) const {
  const auto taken = set_.exits_taken(thresholds);
  Totals out;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    out.error += set_.set().errors[taken[i]][i];
    out.cost += costs_[taken[i]];
  }
  return out;
}

// From the deepest unlocked threshold to the first. At exit k the samples that reach it are known (shallower thresholds
// have not changed in this sweep), and so is each one's result if it goes deeper. `choose` gets, sample by sample in
// order of value, how the totals change compared with no sample exiting here, and tells which prefix is best so far.
template <class Choose>
bool ThresholdDescent::sweep(std::vector<float>& thresholds, std::size_t held, Choose choose) const {
  const auto& errors = set_.set().errors;
  const auto count = static_cast<std::size_t>(set_.samples());
  const auto first = set_.exits_taken(thresholds);
  std::vector<float> on_error = errors[exits() - 1];  // if it goes deeper
  std::vector<std::uint8_t> on_exit(count, static_cast<std::uint8_t>(exits() - 1));
  bool changed = false;
  for (std::size_t exit = exits() - 1; exit-- > 0;) {
    if (!is_locked(exit) && exit != held) {
      const auto values = set_.sorted(exit);
      const auto order = set_.order(exit);
      const auto& here = errors[exit];
      choose.begin(thresholds[exit]);
      for (std::size_t i = 0; i < order.size(); ++i) {
        const auto sample = order[i];
        if (first[sample] >= exit) {
          choose.add(here[sample] - static_cast<double>(on_error[sample]), costs_[exit] - costs_[on_exit[sample]]);
        }
        if (i + 1 == order.size() || values[i + 1] > values[i]) choose.prefix(values[i]);
      }
      if (choose.improves()) {
        thresholds[exit] = choose.threshold();
        changed = true;
      }
    }
    const auto& row = set_.set().values[exit];
    const auto& here = errors[exit];
    const float threshold = thresholds[exit];
    const auto index = static_cast<std::uint8_t>(exit);
    for (std::size_t i = 0; i < count; ++i) {
      if (row[i] <= threshold) {
        on_error[i] = here[i];
        on_exit[i] = index;
      }
    }
  }
  return changed;
}

namespace {

// The prefix with the lowest error + price * cost.
class ByPrice {
 public:
  explicit ByPrice(double price) : price_(price) {}

  void begin(float threshold) {
    old_threshold_ = threshold;
    best_threshold_ = kNever;
    sum_ = best_ = old_ = 0;
  }
  void add(double error, double cost) { sum_ += error + price_ * cost; }
  void prefix(float value) {
    if (sum_ < best_) {
      best_ = sum_;
      best_threshold_ = value;
    }
    if (value <= old_threshold_) old_ = sum_;
  }
  bool improves() const { return best_ < old_ - kGain * (1 + std::abs(old_)); }
  float threshold() const { return best_threshold_; }

 private:
  double price_;
  double sum_ = 0;
  double best_ = 0;
  double old_ = 0;
  float old_threshold_ = kNever;
  float best_threshold_ = kNever;
};

// The prefix with the lowest error within the budget; if there is none, the cheapest.
class Within {
 public:
  Within(ThresholdDescent::Totals totals, double budget) : totals_(totals), budget_(budget) {}

  void begin(float threshold) {
    old_threshold_ = threshold;
    prefixes_.clear();
    sum_ = {};
    old_ = {};
    prefixes_.push_back({kNever, {}});
  }
  void add(double error, double cost) {
    sum_.error += error;
    sum_.cost += cost;
  }
  void prefix(float value) {
    prefixes_.push_back({value, sum_});
    if (value <= old_threshold_) old_ = sum_;
  }
  bool improves() {
    const ThresholdDescent::Totals base = {totals_.error - old_.error, totals_.cost - old_.cost};
    Candidate best{old_threshold_, old_};
    const double slack = kGain * (1 + std::abs(budget_));
    for (const auto& candidate : prefixes_) {
      const double cost = base.cost + candidate.change.cost;
      const double best_cost = base.cost + best.change.cost;
      const bool fits = cost <= budget_ + slack;
      const bool best_fits = best_cost <= budget_ + slack;
      const double error = base.error + candidate.change.error;
      const double best_error = base.error + best.change.error;
      const double least_gain = kGain * (1 + std::abs(best_error));
      const bool better = fits != best_fits ? fits
                          : fits            ? error < best_error - least_gain
                                            : cost < best_cost - kGain * (1 + std::abs(best_cost));
      if (better) best = candidate;
    }
    if (best.threshold == old_threshold_) return false;
    totals_ = {base.error + best.change.error, base.cost + best.change.cost};
    best_threshold_ = best.threshold;
    return true;
  }
  float threshold() const { return best_threshold_; }

 private:
  struct Candidate {
    float threshold = kNever;
    ThresholdDescent::Totals change;
  };

  ThresholdDescent::Totals totals_;
  double budget_;
  ThresholdDescent::Totals sum_;
  ThresholdDescent::Totals old_;
  std::vector<Candidate> prefixes_;
  float old_threshold_ = kNever;
  float best_threshold_ = kNever;
};

// A sweep copies its chooser; this one keeps its state across copies.
template <class Chooser>
struct Ref {
  Chooser& chooser;
  void begin(float threshold) { chooser.begin(threshold); }
  void add(double error, double cost) { chooser.add(error, cost); }
  void prefix(float value) { chooser.prefix(value); }
  bool improves() { return chooser.improves(); }
  float threshold() const { return chooser.threshold(); }
};

}  // namespace

ThresholdDescent::Totals ThresholdDescent::minimise(std::vector<float>& thresholds, double price) const {
  for (int i = 0; i < kMostSweeps && sweep(thresholds, exits(), ByPrice(price)); ++i) {
  }
  return totals(thresholds);
}

ThresholdDescent::Totals ThresholdDescent::minimise_within(std::vector<float>& thresholds, double budget,
                                                           std::size_t held) const {
  for (int i = 0; i < kMostSweeps; ++i) {
    Within chooser(totals(thresholds), budget);
    if (!sweep(thresholds, held, Ref<Within>{chooser})) break;
  }
  return totals(thresholds);
}

}  // namespace deer
