// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include <fstream>

#include "core/episodes/calvin/calvin_statistics.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The reader takes a folder: a link in it to a file in memory, made once for each process.
  static const auto folder = [] {
    auto path = std::filesystem::temp_directory_path() / ("fuzz_statistics_" + std::to_string(::getpid()));
    std::filesystem::create_directories(path);
    return path;
  }();
  return deer::fuzz::expect_answer([&] {
    const deer::fuzz::InputFile file(deer::fuzz::input(data, size));
    std::filesystem::remove(folder / "statistics.yaml");
    std::filesystem::create_symlink(file.path(), folder / "statistics.yaml");
    std::vector<std::string> warnings;
    const auto found = deer::read_calvin_statistics(folder, warnings);
    if (found.control_hz && !(*found.control_hz > 0)) std::abort();
  });
}
