// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deer {

/// Families of exit distributions with one parameter, as in the reference.
enum class ExitDistribution {
  exponential,  ///< share of exit i is r^i, i from 1
  gaussian,     ///< exp(-(i - r)^2 / 2), i from 0
  gamma,        ///< density with shape r and scale 2 at i from 1
};

/// "exp", "gauss", "gamma" as the reference writes them. Throws Error that lists the accepted names.
ExitDistribution parse_exit_distribution(std::string_view name);
std::string_view to_string(ExitDistribution distribution);

/// Criterion values of a calibration set, row-major: one row per exit, one column per sample.
struct CalibrationValues {
  std::span<const float> values;  ///< exits * samples
  std::int64_t exits = 0;
  std::int64_t samples = 0;

  std::span<const float> row(std::int64_t exit) const {
    return values.subspan(static_cast<std::size_t>(exit * samples), static_cast<std::size_t>(samples));
  }
};

/// Target shares of `count` exits, summing to 1 (float32, as the reference computes them). `skip_first` sets
/// the first share to 0, as the reference does for the 9B family.
std::vector<float> target_shares(ExitDistribution distribution, double parameter, std::int64_t count, bool skip_first);

/// Thresholds that give the target shares on the calibration set, equal to the reference's: exit by exit, among the
/// remaining samples, the want-th smallest value, want = floor(samples * share); every sample at or below it exits.
/// -1e8 where want is 0 or too few remain, 1e8 for the last exit. Rows beyond shares.size() are ignored.
/// O(exits * samples). NaN values never exit.
/// Throws Error if there are fewer rows than shares, or no samples.
std::vector<float> solve_thresholds(const CalibrationValues& values, std::span<const float> shares);

/// Exits allowed by a layer limit: those up to min(max_layer - 1, last exit).
std::vector<int> exits_within(std::span<const int> exit_layers, int max_layer);

/// Number of samples that exit at each exit with these thresholds: value <= threshold, the last takes the rest.
std::vector<std::int64_t> exit_counts(const CalibrationValues& values, std::span<const float> thresholds);

}  // namespace deer
