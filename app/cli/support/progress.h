// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <string>

namespace deer::cli {

/// Progress of long work as one line on standard error, with the time left: overwritten in place on a terminal,
/// otherwise printed again every 20 seconds.
class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` of `total`, in the same unit of work; `before` of them were done before this run.
  /// Prints `text` if enough time has passed.
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
