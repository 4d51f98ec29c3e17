// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/zip_archive.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer([&] {
    const deer::fuzz::InputFile file(deer::fuzz::input(data, size));
    const auto zip = deer::ZipArchive::open(file.path());
    for (const auto& member : zip.members()) {
      // One damaged member must not keep the others from being read.
      deer::fuzz::expect_answer([&] { zip.read(member, 1 << 20); });
      deer::fuzz::expect_answer([&] { zip.stored(member); });
    }
  });
}
