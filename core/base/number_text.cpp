// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/number_text.h"

#include <array>
#include <charconv>

namespace deer {
namespace {

template <typename... Format>
std::string text_of(double value, Format... format) {
  // The largest double has 309 digits before the point.
  std::array<char, 512> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, format...);
  return error == std::errc{} ? std::string(text.data(), end) : std::string("?");
}

}  // namespace

std::string shortest_text(double value) { return text_of(value); }

std::string general_text(double value, int digits) { return text_of(value, std::chars_format::general, digits); }

std::string fixed_text(double value, int decimals) { return text_of(value, std::chars_format::fixed, decimals); }

std::string counted(std::int64_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

std::optional<double> parse_number(std::string_view text) {
  // from_chars takes no plus sign.
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace deer
