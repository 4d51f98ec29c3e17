// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/broken_frames.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "core/base/error.h"

namespace deer::cli {
namespace {

constexpr int kPrinted = 5;
constexpr int kMostInARow = 200;

}  // namespace

void BrokenFrames::add(const std::string& problem, std::int64_t frames) {
  frames_ += frames;
  if (++in_a_row_ >= kMostInARow) {
    throw Error(problem + " (the last " + std::to_string(kMostInARow) + " reads failed: are the data still there?)");
  }
  if (++problems_ <= kPrinted) std::fprintf(stderr, "deer: skipped: %s\n", problem.c_str());
}

void BrokenFrames::finish() const {
  if (frames_ == 0) return;
  std::fprintf(stderr, "deer: skipped %lld frame%s that could not be read\n", static_cast<long long>(frames_),
               frames_ == 1 ? "" : "s");
  throw CLI::RuntimeError(1);
}

}  // namespace deer::cli
