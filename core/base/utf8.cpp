// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/utf8.h"

namespace deer {

void append_utf8(std::string& out, std::uint32_t code) {
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      out += static_cast<char>(0xE0 | (code >> 12));
    } else {
      out += static_cast<char>(0xF0 | (code >> 18));
      out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    }
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
  }
  out += static_cast<char>(0x80 | (code & 0x3F));
}

std::string valid_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::string out;
  std::size_t i = 0;
  while (i < text.size()) {
    const unsigned lead = byte(i);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
    std::uint32_t code = size < 2 ? lead : lead & (0x7Fu >> size);
    bool good = size > 0 && i + size <= text.size();
    for (std::size_t k = 1; good && k < size; ++k) {
      good = (byte(i + k) & 0xC0) == 0x80;
      code = code << 6 | (byte(i + k) & 0x3Fu);
    }
    // Overlong forms, surrogates and what lies beyond Unicode have no place in UTF-8.
    good = good && !(size == 3 && (code < 0x800 || (code >= 0xD800 && code < 0xE000))) &&
           !(size == 4 && (code < 0x10000 || code > 0x10FFFF));
    append_utf8(out, good ? code : 0xFFFD);
    i += good ? size : 1;
  }
  return out;
}

}  // namespace deer
