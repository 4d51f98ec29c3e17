// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace deer {

/// An HDF5 file as bytes, looked at before the HDF5 library is let loose on it: the library was not made for files
/// that somebody forged, and some of those end the program. What is not as HDF5 1.10 writes a trace
/// is refused by a FileError.
class RawHdf5 {
 public:
  explicit RawHdf5(const std::filesystem::path& path);
  ~RawHdf5();
  RawHdf5(const RawHdf5&) = delete;
  RawHdf5& operator=(const RawHdf5&) = delete;

  /// The superblock (one of the versions with checksums), its extension and the root group.
  void check_start() const;

  /// The header of a group or data set at `address`: only kinds of messages that a trace has, each of the size and
  /// with the sizes inside that fit it, no shared ones, numbers and texts of fixed size only. `name` is for messages.
  void check_object(std::uint64_t address, const std::string& name) const;

 private:
  using Bytes = std::vector<unsigned char>;
  Bytes read(std::uint64_t address, std::uint64_t size, const std::string& name) const;
  void check_index(std::uint64_t address, const std::string& name) const;
  [[noreturn]] void refuse(const std::string& name, const std::string& what) const;

  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace deer
