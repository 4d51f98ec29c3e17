// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/image.h"
#include "core/base/json_file.h"

namespace deer {

/// Statistics of a feature as LeRobot keeps them, one number for each column, or for each channel of a picture.
struct LerobotStats {
  static constexpr std::array<double, 5> kQuantiles = {0.01, 0.10, 0.50, 0.90, 0.99};
  static constexpr std::array<const char*, 5> kQuantileNames = {"q01", "q10", "q50", "q90", "q99"};

  std::vector<double> min, max, mean, deviation;
  std::array<std::vector<double>, kQuantiles.size()> quantiles;
  std::int64_t count = 0;  ///< rows, or pictures

  /// Takes in those of other rows. Quantiles become means weighted by the rows, as LeRobot combines them.
  void add(const LerobotStats& other);
};

/// Of `values`, row after row with `width` columns. Values that are not finite are left out; a column without any is 0.
LerobotStats lerobot_stats(std::span<const double> values, std::size_t width);

/// "min", "max", "mean", "std", "count", "q01", …; of a picture each number is in lists of its own.
Json lerobot_stats_json(const LerobotStats& stats, bool picture);

/// Statistics of pictures by red, green and blue, from 0 to 1.
class PictureStats {
 public:
  void add(const Image& picture);  ///< looks at some of its pixels
  LerobotStats stats() const;      ///< of all that were added

 private:
  std::array<std::array<std::int64_t, 256>, 3> counts_{};
  std::int64_t pictures_ = 0;
};

}  // namespace deer
