// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace deer {

struct LatencySummary {
  std::int64_t count = 0;  ///< samples since the run started
  double median_ms = 0;    ///< over the newest LatencyMeter::kKept of them
  double p95_ms = 0;       ///< 95th percentile of the same
};

/// Summarises the newest latencies. Not thread-safe.
class LatencyMeter {
 public:
  static constexpr std::size_t kKept = 300;  ///< 10 s at 30 frames a second

  void add(double ms);
  void clear();
  LatencySummary summary() const;  ///< empty: all zero

 private:
  std::vector<double> ring_;
  std::int64_t count_ = 0;
};

}  // namespace deer
