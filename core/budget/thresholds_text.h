// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>
#include <vector>

namespace deer {

/// Thresholds as people write and print them: numbers with blanks or commas between, in brackets or quotes, as a YAML
/// list, as numpy and PyTorch print them, and after `--thresholds` or `thresholds=` in a longer line. "always" and
/// "never" stand for numbers, and so do infinities.
///
/// Throws Error that names the word that is none. Decimal commas are refused: they look like twice as many numbers.
std::vector<double> thresholds_from_text(std::string_view text);

}  // namespace deer
