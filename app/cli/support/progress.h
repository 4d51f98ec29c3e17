// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <string>

namespace deer::cli {

/// One line about long work on standard error, with the time left: overwritten in place on a terminal,
/// else printed anew every 20 seconds.
class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` of `total`, both in the same unit of work, of which `before` were done when this run began.
  /// Prints `text` if it is time to.
  void show(const std::string& text, double done, double total, double before = 0);
  /// Ends the line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  bool terminal_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_;
};

/// "45 s", "12 min", "3 h 5 min"
std::string duration_text(double seconds);

}  // namespace deer::cli
