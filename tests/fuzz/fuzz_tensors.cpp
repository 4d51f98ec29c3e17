// SPDX-License-Identifier: GPL-3.0-or-later
// First, or clang meets vectors of it before it is whole.
#include <ATen/core/ivalue.h>

#include "core/model/weights/tensor_archive.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer([&] {
    const deer::fuzz::InputFile file(deer::fuzz::input(data, size));
    const auto archive = deer::TensorArchive::open(file.path());
    for (const auto& item : archive->entries()) {
      deer::fuzz::expect_answer([&] {
        const auto tensor = archive->read(item.first);
        // A stride of 0 makes a few bytes look like many numbers: touch the ends only.
        if (tensor.numel() == 0) return;
        auto first = tensor;
        auto last = tensor;
        while (first.dim() > 0) {
          first = first.select(0, 0);
          last = last.select(0, -1);
        }
        (void)first.item();
        (void)last.item();
      });
    }
  });
}
