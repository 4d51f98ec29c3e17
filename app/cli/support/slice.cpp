// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/slice.h"

#include <charconv>

#include "core/base/error.h"

namespace deer::cli {
namespace {

Slice parse_slice(const std::string& text) {
  Slice out;
  const char* const end = text.data() + text.size();
  const auto [middle, first] = std::from_chars(text.data(), end, out.index);
  const bool divided = first == std::errc{} && middle != end && *middle == '/';
  const auto [last, second] = divided ? std::from_chars(middle + 1, end, out.of) : std::from_chars_result{end, first};
  if (!divided || second != std::errc{} || last != end || out.index < 1 || out.index > out.of) {
    throw Error("--slice is '" + printable(text) + "', expected I/N with I from 1 to N, for example 2/8");
  }
  return out;
}

}  // namespace

void add_slice_option(CLI::App& command, Slice& slice, const std::string& rest) {
  command.add_option_function<std::string>(
      "--slice", [&slice](const std::string& text) { slice = parse_slice(text); },
      "I/N: do only the Ith of N parts of the work, on any number of machines; " + rest + " (docs/cluster.md)");
}

}  // namespace deer::cli
