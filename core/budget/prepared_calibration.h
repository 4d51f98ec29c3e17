// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/budget/calibration.h"

namespace deer {

/// Effect of thresholds on a calibration set.
struct CalibrationOutcome {
  std::vector<float> thresholds;     ///< one per allowed exit
  std::vector<std::int64_t> counts;  ///< samples that exit at each of them
  double mean_error = 0;             ///< action error from the deepest exit; NaN if the set has no errors
};

/// A calibration set sorted once, exit by exit, so that thresholds are solved and looked up without sorting again:
/// O(samples log samples) to make, at most O(exits * samples) per query. Immutable; may be used from several threads.
/// Samples are numbered as in the set.
class PreparedCalibration {
 public:
  /// Throws Error if the set is empty or its rows differ in length.
  explicit PreparedCalibration(CalibrationSet set);

  const CalibrationSet& set() const { return set_; }
  std::int64_t exits() const { return set_.exits(); }
  std::int64_t samples() const { return set_.samples(); }
  bool has_errors() const { return !set_.errors.empty(); }
  bool is_subsample() const { return is_subsample_; }

  /// The thresholds of solve_thresholds(), equal to the last bit. `shares` has one entry per allowed exit. A number in
  /// `locked` (empty, or one per allowed exit, NaN: not locked) is used as the threshold; the later exits divide the
  /// remaining samples in proportion to their shares.
  CalibrationOutcome solve(std::span<const float> shares, std::span<const float> locked = {}) const;

  /// Samples by exit with these thresholds, one per allowed exit; the last one takes the rest.
  CalibrationOutcome evaluate(std::span<const float> thresholds) const;

  /// A random subsample of `count` samples, for quick estimates; the whole set if it is not larger.
  PreparedCalibration subsample(std::int64_t count, std::uint64_t seed = 0) const;

  // For solvers: values of an exit in increasing order, and their samples. NaN is left out.
  std::span<const float> sorted(std::size_t exit) const { return sorted_[exit]; }
  std::span<const std::uint32_t> order(std::size_t exit) const { return order_[exit]; }

  /// The exit of each sample.
  std::vector<std::uint8_t> exits_taken(std::span<const float> thresholds) const;

 private:
  void check(std::size_t exits) const;

  CalibrationSet set_;
  bool is_subsample_ = false;
  std::vector<std::vector<float>> sorted_;
  std::vector<std::vector<std::uint32_t>> order_;
};

}  // namespace deer
