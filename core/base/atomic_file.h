// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <string_view>

namespace deer {

/// Lets `write` fill a temporary file next to `path`, then renames it, so that a reader never sees half
/// a file and a failure keeps the old one. Throws FileError; exceptions from `write` pass through.
void write_file_atomically(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write);

/// The same for content that is in memory.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace deer
