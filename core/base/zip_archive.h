// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/mapped_file.h"

namespace deer {

/// Read-only view of a zip file, as numpy (.npz) and torch.save (.pth) write it: stored or deflated
/// members, zip64, no encryption, one disk. Every size is checked against the file before memory is
/// taken. Throws FileError. Immutable after construction: may be used from several threads.
class ZipArchive {
 public:
  struct Member {
    std::string name;
    std::uint16_t method = 0;  ///< 0 stored, 8 deflated
    std::uint32_t crc32 = 0;
    std::uint64_t compressed_size = 0;
    std::uint64_t size = 0;  ///< bytes after inflating, as the directory claims
    std::uint64_t header_offset = 0;
  };

  explicit ZipArchive(std::shared_ptr<const MappedFile> file);
  static ZipArchive open(const std::filesystem::path& path) { return ZipArchive(MappedFile::open(path)); }

  /// True if the file begins like a zip file.
  static bool looks_like_zip(std::span<const std::byte> head);

  const std::vector<Member>& members() const { return members_; }
  const Member* find(std::string_view name) const;
  const std::shared_ptr<const MappedFile>& file() const { return file_; }

  /// Bytes of a stored member inside the mapping, without a copy.
  std::span<const std::byte> stored(const Member& member) const;

  /// Contents of a member, inflated if need be and checked against its CRC.
  /// `size_limit` guards against archives that claim or unfold to absurd sizes.
  std::vector<std::byte> read(const Member& member, std::uint64_t size_limit = std::uint64_t{1} << 32) const;

 private:
  std::span<const std::byte> raw(const Member& member) const;

  std::shared_ptr<const MappedFile> file_;
  std::vector<Member> members_;
};

}  // namespace deer
