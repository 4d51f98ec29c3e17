// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "app/cli/support/broken_frames.h"
#include "core/base/json_file.h"
#include "core/budget/calibration.h"

namespace deer {
class DataParallel;
}

namespace deer::cli {

/// Collects a calibration set window by window, in any order, into a matrix of fixed size.
class CalibrationCollector {
 public:
  CalibrationCollector(int samples, int window);

  std::int64_t windows() const { return static_cast<std::int64_t>(done_.size()); }
  std::int64_t windows_done() const { return count_; }
  bool has(std::int64_t window) const { return done_[static_cast<std::size_t>(window)]; }

  /// A window's values as its worker reports them; one that is there already is ignored. Throws Error if it does not
  /// fit the others.
  void take(const Json& entry);

  /// Sums the processes' matrices: each window belongs to one process and is zero in all others.
  void gather(const DataParallel& processes);

  CalibrationSet finish() && { return std::move(set_); }
  const BrokenFrames& broken() const { return broken_; }

 private:
  std::vector<float> blank() const;
  void begin(const std::vector<int>& layers);
  void fill(const Json& rows, std::int64_t window, std::vector<std::vector<float>>& to) const;
  void add_up(std::vector<float>& row, const DataParallel& processes) const;

  std::int64_t samples_;
  int each_;
  std::vector<bool> done_;
  std::int64_t count_ = 0;
  BrokenFrames broken_;
  CalibrationSet set_;
};

}  // namespace deer::cli
