// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/text/tokenizer_unicode.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/utf8.h"

#ifdef DEER_HAVE_UTF8PROC
#include <utf8proc.h>

#include <cstdlib>
#include <memory>
#endif

namespace deer {
namespace {

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_python_space(char32_t c) { return is_space(c) || (c >= 0x1C && c <= 0x1F); }

CharKind kind_of(char32_t c) {
  if (is_space(c)) return CharKind::space;
  if (c < 0x80) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return CharKind::letter;
    return c >= '0' && c <= '9' ? CharKind::number : CharKind::other;
  }
#ifdef DEER_HAVE_UTF8PROC
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharKind::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharKind::number;
    default:
      break;
  }
#endif
  return CharKind::other;
}

template <typename Predicate>
std::size_t leading(std::string_view text, Predicate is) {
  std::size_t at = 0;
  while (at < text.size()) {
    const DecodedUtf8 c = decode_utf8(text.substr(at));
    if (!is(c.code)) break;
    at += c.size;
  }
  return at;
}

template <typename Predicate>
std::size_t trailing(std::string_view text, Predicate is) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t begin = end - 1;
    while (begin > 0 && end - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
    const DecodedUtf8 c = decode_utf8(text.substr(begin, end - begin));
    if (c.size != end - begin || !is(c.code)) break;
    end = begin;
  }
  return text.size() - end;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// End of the word that begins at `at`, by GPT-2's pattern:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t word_end(std::string_view text, const std::vector<TextChar>& chars, std::size_t at) {
  const auto count = chars.size();
  const auto rest = text.substr(chars[at].begin);
  if (rest.front() == '\'') {
    for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
      if (rest.starts_with(ending)) return at + ending.size();
    }
  }
  const std::size_t first = rest.front() == ' ' ? at + 1 : at;
  if (first < count && chars[first].kind != CharKind::space) {
    auto end = first;
    while (end < count && chars[end].kind == chars[first].kind) ++end;
    return end;
  }
  auto end = at;
  while (end < count && chars[end].kind == CharKind::space) ++end;
  // The last blank of a run belongs to the next word.
  return end < count && end - at > 1 ? end - 1 : end;
}

}  // namespace

void check_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const DecodedUtf8 c = decode_utf8(text.substr(at));
    if (c.code == kInvalidCode) {
      throw Error("the text is not valid UTF-8 at byte " + std::to_string(at) + ": \"" +
                  printable(text.substr(0, at), 40) + "\" …");
    }
#ifndef DEER_HAVE_UTF8PROC
    if (c.code >= 0x80) {
      throw Error("the text \"" + printable(text, 60) + "\" has non-ASCII characters at byte " + std::to_string(at) +
                  ", and this build has no utf8proc: install it and rebuild");
    }
#endif
    at += c.size;
  }
}

std::vector<TextChar> classify(std::string_view text) {
  std::vector<TextChar> out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const DecodedUtf8 c = decode_utf8(text.substr(at));
    out.push_back({at, kind_of(c.code)});
    at += c.size;
  }
  return out;
}

std::string to_nfc(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
#ifdef DEER_HAVE_UTF8PROC
  utf8proc_uint8_t* raw = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &raw, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(raw, &std::free);
  if (size < 0) {
    throw Error("cannot normalise the text \"" + printable(text, 60) + "\": " + utf8proc_errmsg(size));
  }
  return {reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size)};
#else
  check_text(text);
  return std::string(text);
#endif
}

std::size_t trailing_space(std::string_view text) { return trailing(text, is_space); }

std::size_t leading_space(std::string_view text) { return leading(text, is_space); }

std::string_view python_strip(std::string_view text) {
  text.remove_prefix(leading(text, is_python_space));
  text.remove_suffix(trailing(text, is_python_space));
  return text;
}

std::vector<std::string_view> split_words(std::string_view text) {
  const auto chars = classify(text);
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < chars.size();) {
    const auto end = word_end(text, chars, at);
    const auto begin_byte = chars[at].begin;
    const auto end_byte = end < chars.size() ? chars[end].begin : text.size();
    words.push_back(text.substr(begin_byte, end_byte - begin_byte));
    at = end;
  }
  return words;
}

}  // namespace deer
