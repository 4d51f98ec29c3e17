// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace deer {

/// Thresholds as people write and print them: numbers with blanks or commas between, in brackets or quotes, as a YAML
/// list, as numpy and PyTorch print them, and after `--thresholds` or `thresholds=` in a longer line. "always" and
/// "never" stand for numbers, and so do infinities. "#" after a blank or at the start of a line begins a comment.
///
/// Throws Error that names the word that is none. Decimal commas are refused: they look like twice as many numbers.
std::vector<double> thresholds_from_text(std::string_view text);

/// A number, "always", "never" or an infinity as Python, C and YAML write it; in any case of letters.
std::optional<double> threshold_from_word(std::string_view word);

}  // namespace deer
