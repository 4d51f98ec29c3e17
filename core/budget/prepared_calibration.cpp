// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/prepared_calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "core/base/error.h"
#include "core/budget/threshold_limits.h"

namespace deer {
namespace {

constexpr std::size_t kMostExits = 255;

double mean_of(double sum, std::int64_t count) { return sum / static_cast<double>(count); }

}  // namespace

PreparedCalibration::PreparedCalibration(CalibrationSet set) : set_(std::move(set)) {
  const auto count = static_cast<std::size_t>(samples());
  if (count == 0) throw Error("the calibration set has no samples");
  if (count > std::numeric_limits<std::uint32_t>::max()) throw Error("the calibration set has too many samples");
  if (set_.values.size() > kMostExits) throw Error("the calibration set has more than 255 exits");
  for (const auto* rows : {&set_.values, &set_.errors, &set_.recorded_errors}) {
    if (!rows->empty() && rows->size() != set_.values.size()) {
      throw Error("the calibration set has " + std::to_string(set_.values.size()) + " exits, but errors for " +
                  std::to_string(rows->size()));
    }
    for (const auto& row : *rows) {
      if (row.size() != count) throw Error("the calibration set has rows of different lengths");
    }
  }
  if (!set_.exit_layers.empty() && set_.exit_layers.size() != set_.values.size()) {
    throw Error("the calibration set names " + std::to_string(set_.exit_layers.size()) + " exit layers for " +
                std::to_string(set_.values.size()) + " exits");
  }
  // Sort value and sample together, to avoid random access to the row.
  std::vector<std::pair<float, std::uint32_t>> pairs;
  for (const auto& row : set_.values) {
    pairs.clear();
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!std::isnan(row[i])) pairs.emplace_back(row[i], static_cast<std::uint32_t>(i));
    }
    std::sort(pairs.begin(), pairs.end());
    auto& values = sorted_.emplace_back();
    auto& order = order_.emplace_back();
    values.reserve(pairs.size());
    order.reserve(pairs.size());
    for (const auto& [value, sample] : pairs) {
      values.push_back(value);
      order.push_back(sample);
    }
  }
}

void PreparedCalibration::check(std::size_t exits) const {
  if (exits == 0 || exits > set_.values.size()) {
    throw Error("the calibration set has values for " + std::to_string(set_.values.size()) + " exits, expected " +
                std::to_string(exits));
  }
}

CalibrationOutcome PreparedCalibration::solve(std::span<const float> shares, std::span<const float> locked) const {
  check(shares.size());
  if (!locked.empty() && locked.size() != shares.size()) throw Error("locked thresholds do not match the exits");
  const auto count = static_cast<std::size_t>(samples());
  CalibrationOutcome out;
  out.thresholds.assign(shares.size(), kNever);
  out.counts.assign(shares.size(), 0);
  double error = 0;
  std::int64_t left = samples();
  bool after_lock = false;
  std::vector<std::uint8_t> gone(count, 0);
  std::vector<std::uint32_t> leaving;
  for (std::size_t exit = 0; exit + 1 < shares.size(); ++exit) {
    const auto& values = sorted_[exit];
    const auto& order = order_[exit];
    const bool is_locked = !locked.empty() && !std::isnan(locked[exit]);
    // The reference multiplies in float32. A locked exit's surplus or deficit is divided among the later exits.
    float wanted = static_cast<float>(samples()) * shares[exit];
    if (after_lock) {
      const float rest = std::accumulate(shares.begin() + static_cast<std::ptrdiff_t>(exit), shares.end(), 0.0F);
      wanted = rest > 0 ? static_cast<float>(left) * shares[exit] / rest : 0;
    }
    after_lock = after_lock || is_locked;
    const auto want = static_cast<std::size_t>(std::max(0.0F, std::floor(wanted)));
    leaving.clear();
    float threshold = is_locked ? locked[exit] : kNever;
    bool found = is_locked;
    if (is_locked || want > 0) {
      for (std::size_t i = 0; i < order.size(); ++i) {
        if (found && values[i] > threshold) break;
        if (gone[order[i]] != 0) continue;
        leaving.push_back(order[i]);
        if (!found && leaving.size() == want) {
          threshold = values[i];
          found = true;
        }
      }
    }
    if (!found) continue;  // too few are left: no sample exits here
    out.thresholds[exit] = threshold;
    out.counts[exit] = static_cast<std::int64_t>(leaving.size());
    left -= out.counts[exit];
    for (const auto sample : leaving) gone[sample] = 1;
    if (has_errors()) {
      const auto& errors = set_.errors[exit];
      for (const auto sample : leaving) error += errors[sample];
    }
  }
  out.thresholds.back() = kAlways;
  out.counts.back() = left;
  if (has_errors()) {
    const auto& errors = set_.errors[shares.size() - 1];
    for (std::size_t i = 0; i < count; ++i) error += gone[i] != 0 ? 0.0 : errors[i];
    out.mean_error = mean_of(error, samples());
  } else {
    out.mean_error = std::numeric_limits<double>::quiet_NaN();
  }
  return out;
}

std::vector<std::uint8_t> PreparedCalibration::exits_taken(std::span<const float> thresholds) const {
  check(thresholds.size());
  const auto count = static_cast<std::size_t>(samples());
  std::vector<std::uint8_t> taken(count, static_cast<std::uint8_t>(thresholds.size() - 1));
  for (std::size_t exit = thresholds.size() - 1; exit-- > 0;) {
    const float* values = set_.values[exit].data();
    const float threshold = thresholds[exit];
    const auto index = static_cast<std::uint8_t>(exit);
    for (std::size_t i = 0; i < count; ++i) taken[i] = values[i] <= threshold ? index : taken[i];
  }
  return taken;
}

CalibrationOutcome PreparedCalibration::evaluate(std::span<const float> thresholds) const {
  const auto taken = exits_taken(thresholds);
  CalibrationOutcome out;
  out.thresholds.assign(thresholds.begin(), thresholds.end());
  out.counts.assign(thresholds.size(), 0);
  for (const auto exit : taken) ++out.counts[exit];
  out.mean_error = std::numeric_limits<double>::quiet_NaN();
  if (has_errors()) {
    double error = 0;
    for (std::size_t i = 0; i < taken.size(); ++i) error += set_.errors[taken[i]][i];
    out.mean_error = mean_of(error, samples());
  }
  return out;
}

PreparedCalibration PreparedCalibration::subsample(std::int64_t count, std::uint64_t seed) const {
  if (count >= samples()) return *this;
  if (count < 1) throw Error("a subsample needs at least one sample");
  std::vector<std::uint32_t> all(static_cast<std::size_t>(samples()));
  std::iota(all.begin(), all.end(), 0U);
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    std::swap(all[i], all[i + random() % (all.size() - i)]);
  }
  all.resize(static_cast<std::size_t>(count));
  std::sort(all.begin(), all.end());
  const auto pick = [&](const std::vector<std::vector<float>>& rows) {
    std::vector<std::vector<float>> out;
    for (const auto& row : rows) {
      auto& to = out.emplace_back();
      for (const auto sample : all) to.push_back(row[sample]);
    }
    return out;
  };
  CalibrationSet set;
  set.exit_layers = set_.exit_layers;
  set.provenance = set_.provenance;
  set.values = pick(set_.values);
  set.errors = pick(set_.errors);
  set.recorded_errors = pick(set_.recorded_errors);
  PreparedCalibration out(std::move(set));
  out.is_subsample_ = true;
  return out;
}

}  // namespace deer
