// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <utility>
#include <vector>

namespace deer {

/// Random numbers that depend only on their seed numbers ("step 7, image 3"), so that work can be split or resumed
/// anywhere without storing a generator's state. SplitMix64.
class SeededRandom {
 public:
  SeededRandom(std::initializer_list<std::uint64_t> seeds) {
    for (const auto seed : seeds) state_ = mix(state_ ^ mix(seed + kGolden));
  }

  std::uint64_t next() { return mix(state_ += kGolden); }

  /// 0 <= x < 1
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// An integer from 0 to count - 1; count is at least 1.
  std::int64_t below(std::int64_t count) {
    return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(count));
  }

  /// 0..count-1 in random order.
  std::vector<std::int64_t> permutation(std::int64_t count) {
    std::vector<std::int64_t> out(static_cast<std::size_t>(count));
    std::iota(out.begin(), out.end(), 0);
    for (auto i = count - 1; i > 0; --i) {
      std::swap(out[static_cast<std::size_t>(i)], out[static_cast<std::size_t>(below(i + 1))]);
    }
    return out;
  }

 private:
  static constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;

  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }

  std::uint64_t state_ = 0;
};

}  // namespace deer
