// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/mapped_file.h"
#include "core/episodes/rlds/tf_record.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer([&] {
    const deer::fuzz::InputFile input(deer::fuzz::input(data, size));
    const auto file = deer::MappedFile::open(input.path());
    for (const auto& record : deer::scan_tf_records(*file).records) (void)deer::tf_record_data(*file, record);
  });
}
