// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"

#include "core/base/utf8.h"

namespace deer {

FileError::FileError(const std::filesystem::path& path, std::string_view problem)
    : Error(printable(path.string(), 1000) + ": " + std::string(problem)) {}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out, shown;
  while (!text.empty()) {
    const auto [code, size] = decode_utf8(text);
    shown.clear();
    append_utf8(shown, code < 0x20 || code == 0x7F ? '?' : code);  // U+FFFD for what is no UTF-8
    if (out.size() + shown.size() > limit) return out + "…";
    out += shown;
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace deer
