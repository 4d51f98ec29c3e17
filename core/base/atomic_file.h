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

/// Keeps other programs that ask for the same lock from writing a file while this one does: an advisory lock on a file
/// of its own, "<file>.lock", which is removed at the end. It ends with the process, however that ends. File systems
/// without locks let everybody through.
class WriteLock {
 public:
  WriteLock() = default;  ///< locks nothing
  /// Throws FileError if another program has the lock.
  explicit WriteLock(const std::filesystem::path& file);
  WriteLock(WriteLock&& other) noexcept;
  WriteLock& operator=(WriteLock&& other) noexcept;
  ~WriteLock();

 private:
  void release();

  std::filesystem::path lock_;
  int file_ = -1;
};

}  // namespace deer
