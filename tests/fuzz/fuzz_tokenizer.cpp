// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/text/tokenizer.h"
#include "tests/fuzz/fuzz_input.h"

// The file is the input up to the first NUL byte; what follows is the text to encode.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view whole(reinterpret_cast<const char*>(data), size);
  const auto cut = whole.find('\0');
  const auto text = cut == std::string_view::npos ? std::string_view("lift the red block") : whole.substr(cut + 1);
  return deer::fuzz::expect_answer([&] {
    const deer::fuzz::InputFile file(deer::fuzz::input(data, std::min(cut, size)));
    const auto tokenizer = deer::Tokenizer::load(file.path());
    (void)tokenizer.encode(text);
  });
}
