// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/lfs_pointer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <string_view>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr std::string_view kPointerStart = "version https://git-lfs";
constexpr const char* kIsPointer = "is a git-LFS pointer: the file itself was not downloaded (git lfs pull)";

}  // namespace

bool is_lfs_pointer(const std::filesystem::path& file) {
  std::array<char, kPointerStart.size()> head{};
  std::ifstream in(file, std::ios::binary);
  in.read(head.data(), head.size());
  return in && std::string_view(head.data(), head.size()) == kPointerStart;
}

void refuse_lfs_pointer(const std::filesystem::path& file) {
  if (is_lfs_pointer(file)) throw FileError(file, kIsPointer);
}

std::string problem_of_download(std::span<const std::byte> bytes) {
  constexpr std::size_t kLooked = 100;
  std::string head(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kLooked));
  if (head.starts_with(kPointerStart)) return kIsPointer;
  head.erase(0, head.find_first_not_of(" \t\r\n\xEF\xBB\xBF"));
  std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
  if (head.starts_with("<!doctype html") || head.starts_with("<html")) {
    return "is a web page (HTML): the download did not work";
  }
  return {};
}

}  // namespace deer
