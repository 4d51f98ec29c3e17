// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/calvin/calvin_annotations.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer([&] {
    std::vector<std::string> warnings;
    const auto annotations = deer::parse_annotations(deer::fuzz::input(data, size), "fuzz", warnings);
    std::int64_t end = -1;
    for (const auto& span : deer::instruction_spans({10, 400'000}, annotations)) {
      if (span.first <= end || span.last < span.first) std::abort();
      end = span.last;
    }
  });
}
