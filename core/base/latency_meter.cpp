// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/latency_meter.h"

#include <algorithm>

namespace deer {
namespace {

// The smallest value that is at least as large as this share of all values.
double quantile(std::vector<double>& values, double share) {
  const auto wanted = static_cast<std::size_t>(share * static_cast<double>(values.size()) + 0.999999);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(wanted, 1, values.size()) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

void LatencyMeter::add(double ms) {
  if (ring_.size() < kKept) {
    ring_.push_back(ms);
  } else {
    ring_[static_cast<std::size_t>(count_) % kKept] = ms;
  }
  ++count_;
}

void LatencyMeter::clear() {
  ring_.clear();
  count_ = 0;
}

LatencySummary LatencyMeter::summary() const {
  if (ring_.empty()) return {};
  auto values = ring_;
  return {count_, quantile(values, 0.5), quantile(values, 0.95)};
}

}  // namespace deer
