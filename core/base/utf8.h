// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace deer {

/// Appends a code point to `out` as UTF-8; U+FFFD for invalid ones.
void append_utf8(std::string& out, std::uint32_t code);

inline constexpr char32_t kInvalidCode = 0xFFFFFFFF;

struct DecodedUtf8 {
  char32_t code = kInvalidCode;
  std::size_t size = 1;  ///< bytes; of an invalid one, 1
};

/// The code point at the beginning of `text`, which is not empty. Overlong forms, surrogates and codes above U+10FFFF
/// are invalid.
DecodedUtf8 decode_utf8(std::string_view text);

/// `text` with every byte that is not part of well-formed UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

struct FileText {
  std::string text;   ///< well-formed UTF-8 without a byte-order mark
  bool valid = true;  ///< false: bytes that are no UTF-8 were replaced by U+FFFD
};

/// The text of a file's bytes: UTF-8, or UTF-16 that begins with a byte-order mark or whose first characters are ASCII.
FileText decode_text(std::string_view bytes);

}  // namespace deer
