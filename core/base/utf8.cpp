// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/utf8.h"

#include <algorithm>

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

DecodedUtf8 decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return {};
  char32_t code = first & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, size};
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto [code, size] = decode_utf8(text);
    append_utf8(out, code);
    text.remove_prefix(size);
  }
  return out;
}

namespace {

// The first characters are ASCII in UTF-16 whose zero bytes are at places `zeros`, 0 or 1, modulo 2.
bool begins_with_ascii_pairs(std::string_view bytes, std::size_t zeros) {
  constexpr std::size_t kLooked = 8;
  if (bytes.size() < 4 || bytes.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < std::min(bytes.size(), kLooked); ++i) {
    const bool zero = bytes[i] == '\0', ascii = static_cast<unsigned char>(bytes[i]) < 0x80;
    if (i % 2 == zeros ? !zero : zero || !ascii) return false;
  }
  return true;
}

}  // namespace

FileText decode_text(std::string_view bytes) {
  constexpr std::string_view kUtf8 = "\xEF\xBB\xBF", kLittle = "\xFF\xFE", kBig = "\xFE\xFF";
  if (bytes.starts_with(kUtf8)) bytes.remove_prefix(kUtf8.size());
  const bool marked = bytes.starts_with(kLittle) || bytes.starts_with(kBig);
  const bool little = bytes.starts_with(kLittle) || begins_with_ascii_pairs(bytes, 1);
  FileText out;
  if (!marked && !little && !begins_with_ascii_pairs(bytes, 0)) {
    out.text = valid_utf8(bytes);
    out.valid = out.text == bytes;
    return out;
  }
  if (marked) bytes.remove_prefix(kLittle.size());
  out.valid = bytes.size() % 2 == 0;
  const auto unit = [&](std::size_t at) -> std::uint32_t {
    const auto first = static_cast<unsigned char>(bytes[at]), second = static_cast<unsigned char>(bytes[at + 1]);
    return little ? first | second << 8 : first << 8 | second;
  };
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
    std::uint32_t code = unit(at);
    const bool high = code >= 0xD800 && code < 0xDC00;
    if (high && at + 3 < bytes.size() && unit(at + 2) >= 0xDC00 && unit(at + 2) < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (unit(at + 2) - 0xDC00);
      at += 2;
    } else if (code >= 0xD800 && code < 0xE000) {
      out.valid = false;
    }
    append_utf8(out.text, code);
  }
  return out;
}

}  // namespace deer
