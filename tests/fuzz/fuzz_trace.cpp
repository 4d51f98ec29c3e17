// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>

#include "core/trace/trace_reader.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer([&] {
    const deer::fuzz::InputFile file(deer::fuzz::input(data, size));
    const auto trace = deer::TraceReader::open(file.path());
    const auto some = std::min<std::int64_t>(trace->frames(), 100);
    const auto records = trace->records(0, some);
    (void)trace->details(trace->frames() - some, some, true);
    (void)trace->reasons(0, some);
    (void)trace->deltas(0, some);
    for (const auto& record : records) {
      if (record->exits.size() > trace->metadata().exit_layers.size() + 1) std::abort();
    }
  });
}
