// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "core/trace/trace.h"

namespace deer::cli {

/// Prints a trace for `deer info`, with at most `limit` of its episodes.
void print_trace(const std::filesystem::path& path, bool as_json, std::size_t limit);

/// The first trace's metadata. Throws FileError unless all have frames and were recorded with the same model.
TraceMetadata common_metadata(const std::vector<std::filesystem::path>& files);

}  // namespace deer::cli
