// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/model_config.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer([&] {
    const deer::fuzz::InputFile file(deer::fuzz::input(data, size));
    (void)deer::to_json(deer::read_model_config(file.path()));
  });
}
