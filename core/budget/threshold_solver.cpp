// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/threshold_solver.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/budget/threshold_limits.h"

namespace deer {
namespace {

constexpr std::pair<const char*, ExitDistribution> kNames[] = {
    {"exp", ExitDistribution::exponential}, {"gauss", ExitDistribution::gaussian}, {"gamma", ExitDistribution::gamma}};

// Natural logarithm of the gamma density with scale 2.
double log_gamma_density(double x, double shape) {
  return (shape - 1) * std::log(x) - x / 2 - std::lgamma(shape) - shape * std::log(2.0);
}

void check(const CalibrationValues& values, std::size_t exits) {
  if (values.samples <= 0) throw Error("the calibration set has no samples");
  if (values.exits < static_cast<std::int64_t>(exits) ||
      values.values.size() < static_cast<std::size_t>(values.exits * values.samples)) {
    throw Error("the calibration set has values for " + std::to_string(values.exits) + " exits, expected " +
                std::to_string(exits));
  }
}

}  // namespace

ExitDistribution parse_exit_distribution(std::string_view name) {
  for (const auto& [known, distribution] : kNames) {
    if (name == known) return distribution;
  }
  throw Error("exit distribution '" + printable(name) + "' is unknown; use one of exp, gauss, gamma");
}

std::string_view to_string(ExitDistribution distribution) {
  for (const auto& [name, known] : kNames) {
    if (known == distribution) return name;
  }
  return "unknown";
}

std::vector<float> target_shares(ExitDistribution distribution, double parameter, std::int64_t count, bool skip_first) {
  // LibTorch's own float32 operations, as the reference uses them: a share that differs in its last
  // bit can move a threshold by one sample.
  at::Tensor shares;
  switch (distribution) {
    case ExitDistribution::exponential:
      shares = at::pow(at::Scalar(parameter), at::arange(1, count + 1));
      break;
    case ExitDistribution::gaussian:
      shares = at::exp(-(at::arange(count) - parameter).square() / 2);
      break;
    case ExitDistribution::gamma: {
      shares = at::empty({count}, at::kDouble);
      for (std::int64_t i = 0; i < count; ++i)
        shares[i] = std::exp(log_gamma_density(static_cast<double>(i + 1), parameter));
      break;
    }
  }
  shares = shares.to(at::kFloat);
  if (skip_first && count > 0) shares[0] = 0;
  const auto sum = shares.sum().item<float>();
  if (!(sum > 0) || !std::isfinite(sum)) {
    throw Error("the exit distribution " + std::string(to_string(distribution)) + " with parameter " +
                general_text(parameter, 6) + " has no usable shares");
  }
  shares = shares / sum;
  return {shares.data_ptr<float>(), shares.data_ptr<float>() + count};
}

std::vector<float> solve_thresholds(const CalibrationValues& values, std::span<const float> shares) {
  check(values, shares.size());
  std::vector<float> thresholds(shares.size(), kNever);
  std::vector<std::int64_t> left(static_cast<std::size_t>(values.samples));
  std::iota(left.begin(), left.end(), 0);
  std::vector<float> candidates;
  for (std::size_t exit = 0; exit + 1 < shares.size(); ++exit) {
    const auto row = values.row(static_cast<std::int64_t>(exit));
    // The reference multiplies in float32.
    const auto want = static_cast<std::int64_t>(std::floor(static_cast<float>(values.samples) * shares[exit]));
    candidates.clear();
    for (const auto sample : left) {
      const float value = row[static_cast<std::size_t>(sample)];
      if (!std::isnan(value)) candidates.push_back(value);
    }
    if (want > 0 && want <= static_cast<std::int64_t>(candidates.size())) {
      const auto place = candidates.begin() + (want - 1);
      std::nth_element(candidates.begin(), place, candidates.end());
      thresholds[exit] = *place;
    }
    std::erase_if(left, [&](std::int64_t sample) { return row[static_cast<std::size_t>(sample)] <= thresholds[exit]; });
  }
  if (!thresholds.empty()) thresholds.back() = kAlways;
  return thresholds;
}

std::vector<int> exits_within(std::span<const int> exit_layers, int max_layer) {
  std::vector<int> out;
  for (const int layer : exit_layers) {
    if (layer <= max_layer - 1) out.push_back(layer);
  }
  return out;
}

std::vector<std::int64_t> exit_counts(const CalibrationValues& values, std::span<const float> thresholds) {
  check(values, thresholds.size());
  std::vector<std::int64_t> counts(thresholds.size(), 0);
  for (std::int64_t sample = 0; sample < values.samples; ++sample) {
    for (std::size_t exit = 0; exit < thresholds.size(); ++exit) {
      const float value = values.row(static_cast<std::int64_t>(exit))[static_cast<std::size_t>(sample)];
      if (value <= thresholds[exit] || exit + 1 == thresholds.size()) {
        ++counts[exit];
        break;
      }
    }
  }
  return counts;
}

}  // namespace deer
