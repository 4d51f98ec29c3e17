// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/calvin/calvin_frame.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer([&] {
    const deer::fuzz::InputFile file(deer::fuzz::input(data, size));
    const auto frame = deer::read_calvin_frame(file.path());
    const auto& image = *frame.rgb_static;
    if (image.rgb.size() != static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3) {
      std::abort();
    }
  });
}
