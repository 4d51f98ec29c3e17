// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/budget/prepared_calibration.h"

/// Checks whether the values in a run match those that its thresholds were solved for. Pure functions.
namespace deer {

/// Two-sample Kolmogorov-Smirnov distance: the largest difference between the two cumulative distributions, 0 to 1.
/// Both in increasing order. NaN if one is empty.
double ks_distance(std::span<const float> a, std::span<const float> b);

/// The distance that two samples of independent values from one distribution exceed with probability `alpha`
/// (asymptotic formula).
double ks_limit(double count_a, double count_b, double alpha);

/// Effective number of independent values in a time series: count / (1 + 2 Σ ρ), over the autocorrelations ρ of the
/// ranks at lags 1, 2, … until one is small (Geyer 1992, simplified).
/// Between 1 and their count; 0 if empty. NaN is not allowed.
double independent_count(std::span<const float> in_order);

/// The value below which a share of `probability` (0 to 1) lies, by linear interpolation; NaN if empty.
double quantile(std::span<const float> sorted, double probability);

/// Share of values up to `threshold`; NaN if empty.
double share_up_to(std::span<const float> sorted, double threshold);

struct ExitHealth {
  static constexpr std::size_t kQuantiles = 101;  ///< at 0 %, 1 %, …, 100 %

  std::int64_t seen = 0;        ///< values of the run
  std::int64_t calibrated = 0;  ///< values of the calibration set
  double independent = 0;       ///< independent_count() of the run's values
  double distance = 0;          ///< NaN if either is empty
  double limit = 0;             ///< distance from which it counts as drifted
  bool drifted = false;         ///< distance > limit
  double seen_leaves = 0;       ///< share at or below the threshold; NaN without one
  double calibrated_leaves = 0;
  std::array<float, kQuantiles> seen_quantiles{};  ///< NaN if empty
  std::array<float, kQuantiles> calibrated_quantiles{};
};

/// Compares exit by exit. `seen`: [exits] in frame order, without NaN; `thresholds`: one per exit, NaN for none. An
/// exit has drifted if its distance is at least `least_distance` and statistically significant (alpha 0.001) for the
/// effective number of independent values, since neighbouring frames are similar.
std::vector<ExitHealth> calibration_health(const PreparedCalibration& set, std::vector<std::vector<float>> seen,
                                           std::span<const double> thresholds, double least_distance = 0.2);

}  // namespace deer
