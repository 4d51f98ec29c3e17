// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace deer {

/// Character class in GPT-2's splitting pattern: \p{L}, \p{N}, \s, or none of them.
enum class CharKind : std::uint8_t { letter, number, space, other };

struct TextChar {
  std::size_t begin = 0;  ///< byte offset in the text
  CharKind kind = CharKind::other;
};

/// Throws Error naming the byte if `text` is not well-formed UTF-8, or if it is not plain ASCII and
/// this build has no utf8proc. The functions below expect checked text.
void check_text(std::string_view text);

/// The characters of `text`, in order.
std::vector<TextChar> classify(std::string_view text);

/// `text` cut into words by GPT-2's pattern:
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::vector<std::string_view> split_words(std::string_view text);

/// `text` in Unicode normalisation form C, by utf8proc's tables. Hugging Face's are of Unicode 9: two
/// combining marks in a row, one of them newer than that, may keep another order there.
std::string to_nfc(std::string_view text);

/// Unicode property White_Space: bytes of it at the end and at the beginning of `text`.
std::size_t trailing_space(std::string_view text);
std::size_t leading_space(std::string_view text);

/// Python's str.strip(): White_Space and the separators U+001C to U+001F go, at both ends. Needs no
/// utf8proc and accepts any bytes.
std::string_view python_strip(std::string_view text);

}  // namespace deer
