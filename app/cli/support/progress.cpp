// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/progress.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace deer::cli {

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) == 1), last_(start_) {}

Progress::~Progress() { finish(); }

void Progress::show(const std::string& text, double done, double total, double before) {
  const auto now = Clock::now();
  if (now - last_ < std::chrono::duration<double>(terminal_ ? 0.5 : 20.0)) return;
  last_ = now;
  const double passed = std::chrono::duration<double>(now - start_).count();
  std::string line = text;
  if (done > before) line += ", " + duration_text(passed * (total - done) / (done - before)) + " left";
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void Progress::finish() {
  if (terminal_ && shown_) std::fprintf(stderr, "\n");
  shown_ = false;
}

std::string duration_text(double seconds) {
  const auto whole = std::llround(seconds);
  if (whole < 100) return std::to_string(whole) + " s";
  const auto minutes = std::llround(seconds / 60);
  if (minutes < 100) return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

}  // namespace deer::cli
