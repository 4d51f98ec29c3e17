// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <vector>

#include "core/budget/prepared_calibration.h"

namespace deer {

/// Exact choice of one threshold at a time over a calibration set with errors. Used by optimal_thresholds().
class ThresholdDescent {
 public:
  struct Totals {
    double error = 0;  ///< sums over the samples
    double cost = 0;
  };

  /// `set`, `costs` and `locked` must outlive it.
  ThresholdDescent(const PreparedCalibration& set, std::span<const double> costs, std::span<const float> locked);

  std::size_t exits() const { return costs_.size(); }
  bool is_locked(std::size_t exit) const;

  /// Thresholds at which every sample goes to the deepest allowed exit, except for locked ones.
  std::vector<float> start() const;
  void lock(std::vector<float>& thresholds) const;

  Totals totals(std::span<const float> thresholds) const;

  /// Minimises error + price * cost, starting from `thresholds`, until no single threshold improves it.
  Totals minimise(std::vector<float>& thresholds, double price) const;

  /// Minimises the error with a total cost of at most `budget` in the same way. If the start exceeds the budget, lowers
  /// the cost first. `held` is a threshold that is not changed; none if it equals exits().
  Totals minimise_within(std::vector<float>& thresholds, double budget, std::size_t held) const;

 private:
  template <class Choose>
  bool sweep(std::vector<float>& thresholds, std::size_t held, Choose choose) const;

  const PreparedCalibration& set_;
  std::span<const double> costs_;
  std::span<const float> locked_;
};

}  // namespace deer
