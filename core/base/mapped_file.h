// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace deer {

/// A whole file mapped read-only into memory. Pages are read when touched. Immutable, so safe to
/// share between threads; data that points into it must hold the shared_ptr.
class MappedFile {
 public:
  /// Throws FileError if the file is missing, unreadable or not a regular file.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::size_t size() const { return size_; }

  /// Releases the whole pages of `bytes` (a part of this mapping); they are read again when touched. For data that
  /// was converted and will hardly be needed again.
  void release(std::span<const std::byte> bytes) const;

  /// bytes [offset, offset + count); throws FileError naming `what` if they are not all in the file.
  std::span<const std::byte> range(std::uint64_t offset, std::uint64_t count, const char* what) const;

 private:
  MappedFile(std::filesystem::path path, const std::byte* data, std::size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}

  std::filesystem::path path_;
  const std::byte* data_;
  std::size_t size_;
};

}  // namespace deer
