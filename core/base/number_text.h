// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace deer {

/// Numbers as text for files, command lines and messages: always with a decimal point. printf and strtod
/// follow the locale that a desktop program sets, where 0.5 may be "0,5".

/// The fewest digits that read back as the same double.
std::string shortest_text(double value);

/// As printf's %.<digits>g: so many significant digits.
std::string general_text(double value, int digits);

/// As printf's %.<decimals>f.
std::string fixed_text(double value, int decimals);

/// The number that the whole of `text` spells, also "inf" and "nan". Nothing where `text` holds anything
/// else, blanks included, or where no double is that large or small.
std::optional<double> parse_number(std::string_view text);

/// A number with its noun: "1 episode", "2 episodes". For nouns whose plural ends in s.
std::string counted(std::int64_t count, std::string_view noun);

}  // namespace deer
