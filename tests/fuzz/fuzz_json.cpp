// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/json_file.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer([&] {
    const deer::fuzz::InputFile file(deer::fuzz::input(data, size));
    const auto json = deer::read_json(file.path());
    const deer::JsonFields fields(file.path(), json);
    for (const auto& item : json.items()) {
      const auto* key = item.key().c_str();
      deer::fuzz::expect_answer([&] { fields.integer_in(key, 0, 10); });
      deer::fuzz::expect_answer([&] { fields.number(key); });
      deer::fuzz::expect_answer([&] { fields.text(key); });
      deer::fuzz::expect_answer([&] { fields.integers(key); });
      deer::fuzz::expect_answer([&] { fields.numbers(key); });
      deer::fuzz::expect_answer([&] { fields.object(key); });
    }
  });
}
