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

/// The traces that `words` name, files or folders of .h5 files. Of several, those without frames are left out with a
/// note (a slice of the work may hold no episode). Throws FileError if one cannot be read.
std::vector<std::filesystem::path> traces_with_frames(const std::vector<std::string>& words);

/// The first trace's metadata. Throws FileError unless all have frames and were recorded with the same model.
TraceMetadata common_metadata(const std::vector<std::filesystem::path>& files);

}  // namespace deer::cli
