// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"

namespace deer {

FileError::FileError(const std::filesystem::path& path, std::string_view problem)
    : Error(printable(path.string(), 1000) + ": " + std::string(problem)) {}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= limit) {
      // Do not cut a UTF-8 sequence in two.
      while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80) out.pop_back();
      if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xC0) out.pop_back();
      return out + "…";
    }
    const auto byte = static_cast<unsigned char>(c);
    out += (byte < 0x20 || byte == 0x7F) ? '?' : c;
  }
  return out;
}

}  // namespace deer
