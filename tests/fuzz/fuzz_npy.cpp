// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/numpy/npy.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer([&] {
    const auto bytes = deer::fuzz::input(data, size);
    const auto array = deer::NpyArray::parse({bytes.begin(), bytes.end()}, "fuzz", "key");
    double sum = 0;
    for (std::size_t i = 0; i < array.count() && i < 4096; ++i) {
      if (array.type().is_number()) {
        sum += array.number(i);
      } else {
        sum += static_cast<double>(array.text(i).size());
      }
    }
    if (array.describe().empty() || sum == 0.123) std::abort();
  });
}
