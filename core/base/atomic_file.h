// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <string_view>

namespace deer {

/// Whether a file must still be there after the machine lost power.
enum class Durable : bool {
  no,  ///< for many small files that can be made again: the system writes them when it likes
  yes  ///< its bytes are on the disk before it takes its name, and its name before the call returns
};

/// Lets `write` fill a temporary file next to `path`, then renames it, so that a reader never sees half
/// a file and a failure keeps the old one. Throws FileError; exceptions from `write` pass through.
void write_file_atomically(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write,
                           Durable durable = Durable::yes);

/// The same for content that is in memory.
void write_file_atomically(const std::filesystem::path& path, std::string_view content, Durable durable = Durable::yes);

}  // namespace deer
