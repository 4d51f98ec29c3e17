// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>

namespace deer::cli {

/// Prints a trace for `deer info`, with at most `limit` of its episodes.
void print_trace(const std::filesystem::path& path, bool as_json, std::size_t limit);

}  // namespace deer::cli
