// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace deer {

/// Passes each line of `file` that ends in a line break to `take`, without the break, until `take` returns false.
/// What follows the last break was cut off while it was written, and is skipped. A missing file has no lines.
/// Reads line by line: a log may be larger than what is kept of it.
void read_complete_lines(const std::filesystem::path& file, const std::function<bool(const std::string& line)>& take);

}  // namespace deer
