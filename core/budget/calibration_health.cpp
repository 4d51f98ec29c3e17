// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/calibration_health.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kAlpha = 0.001;
constexpr double kSmallCorrelation = 0.05;
constexpr std::size_t kMostLags = 2000;

void fill_quantiles(std::span<const float> sorted, std::array<float, ExitHealth::kQuantiles>& out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>(quantile(sorted, static_cast<double>(i) / static_cast<double>(out.size() - 1)));
  }
}

/// Equal values share the mean of their ranks; the mean of all is 0.
std::vector<double> centred_ranks(std::span<const float> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  const double middle = static_cast<double>(values.size() - 1) / 2;
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first + 1;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    const double rank = static_cast<double>(first + end - 1) / 2 - middle;
    for (; first < end; ++first) ranks[order[first]] = rank;
  }
  return ranks;
}

}  // namespace

double ks_distance(std::span<const float> a, std::span<const float> b) {
  if (a.empty() || b.empty()) return kUnknown;
  double distance = 0;
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    // Skip all copies of a value in both, or ties would look like gaps.
    const float value = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= value) ++i;
    while (j < b.size() && b[j] <= value) ++j;
    const double share_a = static_cast<double>(i) / static_cast<double>(a.size());
    const double share_b = static_cast<double>(j) / static_cast<double>(b.size());
    distance = std::max(distance, std::abs(share_a - share_b));
  }
  return distance;
}

double ks_limit(double count_a, double count_b, double alpha) {
  if (!(count_a > 0) || !(count_b > 0)) return kUnknown;
  return std::sqrt(-std::log(alpha / 2) / 2) * std::sqrt(1 / count_a + 1 / count_b);
}

double independent_count(std::span<const float> in_order) {
  const std::size_t count = in_order.size();
  if (count < 2) return static_cast<double>(count);
  const auto ranks = centred_ranks(in_order);
  const double variance = std::inner_product(ranks.begin(), ranks.end(), ranks.begin(), 0.0);
  if (variance == 0) return 1;
  double time = 1;
  for (std::size_t lag = 1; lag < std::min(count, kMostLags); ++lag) {
    const double correlation =
        std::inner_product(ranks.begin() + static_cast<std::ptrdiff_t>(lag), ranks.end(), ranks.begin(), 0.0) /
        variance;
    if (correlation < kSmallCorrelation) break;
    time += 2 * correlation;
  }
  return std::max(1.0, static_cast<double>(count) / time);
}

double quantile(std::span<const float> sorted, double probability) {
  if (sorted.empty()) return kUnknown;
  const double place = std::clamp(probability, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const auto high = std::min(low + 1, sorted.size() - 1);
  return std::lerp(static_cast<double>(sorted[low]), static_cast<double>(sorted[high]), place - std::floor(place));
}

double share_up_to(std::span<const float> sorted, double threshold) {
  if (sorted.empty() || std::isnan(threshold)) return kUnknown;
  // As the policy compares: in float, equality exits.
  const auto end = std::upper_bound(sorted.begin(), sorted.end(), static_cast<float>(threshold));
  return static_cast<double>(end - sorted.begin()) / static_cast<double>(sorted.size());
}

std::vector<ExitHealth> calibration_health(const PreparedCalibration& set, std::vector<std::vector<float>> seen,
                                           std::span<const double> thresholds, double least_distance) {
  if (static_cast<std::int64_t>(seen.size()) != set.exits()) {
    throw Error("the calibration set has " + std::to_string(set.exits()) + " exits, the run " +
                std::to_string(seen.size()));
  }
  std::vector<ExitHealth> result;
  for (std::size_t exit = 0; exit < seen.size(); ++exit) {
    auto& values = seen[exit];
    std::erase_if(values, [](float value) { return std::isnan(value); });
    ExitHealth health;
    health.independent = independent_count(values);
    std::sort(values.begin(), values.end());
    const auto calibrated = set.sorted(exit);
    const double threshold = exit < thresholds.size() ? thresholds[exit] : kUnknown;
    health.seen = static_cast<std::int64_t>(values.size());
    health.calibrated = static_cast<std::int64_t>(calibrated.size());
    health.distance = ks_distance(values, calibrated);
    health.limit =
        std::max(least_distance, ks_limit(health.independent, static_cast<double>(health.calibrated), kAlpha));
    health.drifted = health.distance > health.limit;
    health.seen_leaves = share_up_to(values, threshold);
    health.calibrated_leaves = share_up_to(calibrated, threshold);
    fill_quantiles(values, health.seen_quantiles);
    fill_quantiles(calibrated, health.calibrated_quantiles);
    result.push_back(health);
  }
  return result;
}

}  // namespace deer
