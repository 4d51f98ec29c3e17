// SPDX-License-Identifier: GPL-3.0-or-later
// Writes a made-up trace of a robot with two arms (14 values, chunks of 8 steps, 10 exits), to look at in the window.
// Usage: write_two_arm_trace FILE [FRAMES]
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/base/error.h"
#include "core/episodes/media/thumbnail.h"
#include "tests/support/two_arm_trace.h"

using namespace deer;

namespace {

std::vector<std::uint8_t> picture(std::int64_t frame) {
  Image image;
  image.width = image.height = 160;
  image.rgb.resize(std::size_t{160} * 160 * 3);
  const auto along = static_cast<int>(20 + frame % 100);
  for (int y = 0; y < 160; ++y) {
    for (int x = 0; x < 160; ++x) {
      auto* const pixel = &image.rgb[3 * static_cast<std::size_t>(160 * y + x)];
      const bool table = y > 90;
      const bool cup = std::abs(x - along) < 10 && std::abs(y - 84) < 12;
      pixel[0] = cup ? 190 : table ? 150 : 205;
      pixel[1] = cup ? 70 : table ? 120 : 212;
      pixel[2] = cup ? 60 : table ? 90 : 220;
    }
  }
  return jpeg_thumbnail(image, 160);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: write_two_arm_trace FILE [FRAMES]\n");
    return 2;
  }
  try {
    test::write_two_arm_trace(argv[1], argc > 2 ? std::max(1, std::atoi(argv[2])) : 120, picture);
  } catch (const Error& error) {
    std::fprintf(stderr, "write_two_arm_trace: %s\n", error.what());
    return 1;
  }
  return 0;
}
