// SPDX-License-Identifier: GPL-3.0-or-later
#include <cmath>

#include "core/base/bytes.h"
#include "core/base/utf8.h"
#include "core/budget/thresholds_text.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer([&] {
    const auto text = deer::decode_text(deer::as_text(deer::fuzz::input(data, size))).text;
    for (const double threshold : deer::thresholds_from_text(text)) {
      if (!std::isfinite(threshold)) std::abort();
    }
  });
}
