// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "core/base/zip_archive.h"
#include "core/episodes/numpy/npy.h"

namespace deer {

/// The arrays of an .npz file by key ("rgb_static" is the member "rgb_static.npy"), stored or
/// deflated, read one at a time when asked for. Immutable: may be used from several threads.
class NpzFile {
 public:
  /// Throws FileError if the file is missing or no zip file. No array is read yet.
  explicit NpzFile(const std::filesystem::path& path) : archive_(ZipArchive::open(path)) {}

  bool has(std::string_view key) const { return member(key) != nullptr; }

  /// Throws FileError naming the key if it is missing, damaged or larger than `size_limit` bytes.
  NpyArray array(std::string_view key, std::uint64_t size_limit) const;

  const std::filesystem::path& path() const { return archive_.file()->path(); }

 private:
  const ZipArchive::Member* member(std::string_view key) const;

  ZipArchive archive_;
};

}  // namespace deer
