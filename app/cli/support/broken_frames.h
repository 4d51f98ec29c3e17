// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace deer::cli {

/// Counts what could not be read while the rest of the work goes on: the first few problems are printed as notes, and
/// the total at the end.
class BrokenFrames {
 public:
  /// `frames` frames are left out because of `problem`. Throws Error with it once nothing could be read for long: the
  /// data have gone.
  void add(const std::string& problem, std::int64_t frames = 1);
  void add_good() { in_a_row_ = 0; }

  /// Prints how many there were. Then ends the command with exit status 1, if there were any.
  void finish() const;

 private:
  std::int64_t frames_ = 0;
  int problems_ = 0;
  int in_a_row_ = 0;
};

}  // namespace deer::cli
