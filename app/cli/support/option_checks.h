// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>

namespace deer::cli {

/// Checks of options whose messages an engineer reads once: CLI11's own print the range of a double in 600 digits, and
/// take "-1" for a number of an unsigned option.
CLI::Validator above_zero();     ///< a number above 0
CLI::Validator at_least_zero();  ///< a number, 0 or above
CLI::Validator whole_number();   ///< 0, 1, 2, …

/// A file that can be written, as far as its name tells: checked before hours of work. Its folder is there, and it is
/// no folder itself. Throws FileError.
CLI::Validator output_file();

}  // namespace deer::cli
