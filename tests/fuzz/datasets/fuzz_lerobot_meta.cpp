// SPDX-License-Identifier: GPL-3.0-or-later
// meta/info.json, the paths in it, and meta/episodes.jsonl.
#include "core/base/bytes.h"
#include "core/episodes/lerobot/lerobot_index.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = deer::as_text(deer::fuzz::input(data, size));
  deer::fuzz::expect_answer([&] {
    const auto info = deer::lerobot_info_from_text(text, "info.json");
    const auto path = deer::lerobot_path(info.data_path, {"key", 1, 2, 3});
    const std::filesystem::path parts(path);
    for (const auto& part : parts) {
      if (part == ".." || parts.is_absolute()) std::abort();
    }
  });
  return deer::fuzz::expect_answer([&] {
    deer::LerobotInfo info;
    for (const auto& episode : deer::lerobot_episodes_from_lines(text, info, "episodes.jsonl")) {
      if (episode.index < 0 || episode.length < 0 || episode.first < 0) std::abort();
    }
  });
}
