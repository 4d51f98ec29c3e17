// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace deer {

// Why a parser of HDF5 headers stands in front of the HDF5 library
//
// People send each other traces, and a visualizer must not end because one of them is damaged or forged. Opening a
// file with libhdf5 makes it decode object headers at once: the superblock extension, the root group, and every
// group and data set that is looked up. The library was written for files that it wrote itself. Debian 12 has
// version 1.10.8 of 2021, in which several decoders trust the sizes that a message names:
//   - the file space message (CVE-2021-45830, mended in November 2022) and the filter message (CVE-2019-8396,
//     mended in the 1.10 branch in April 2023) are read past the end of their buffer;
//   - so were the layout (CVE-2018-14033) and the fill value (CVE-2018-11206) before 2021, and the attribute
//     (CVE-2025-2310) still was in 2025.
// Not every such fault has a number, later versions have some too, and a program cannot tell which of the
// distribution's patches it runs with. A crash inside the library cannot be caught.
//
// A trace, however, uses a very small part of HDF5: groups with hard links, data sets of one fixed shape of chunk
// index or contiguous ones, little-endian numbers and texts of fixed size; no filters, no shared messages, no
// references, no variable length, no attributes that are read. So this file reads the same headers first, from its
// own buffers with every access inside them, and lets through only what a trace can hold:
//   - each piece of a header lies in the file, has at most 1 MiB and is one of at most 256 (no endless chains);
//   - each message has one of the known types, the size that its own fields demand, and comes once where HDF5
//     expects one: this stops over-reads in the decoders, and repeated messages that replace one another;
//   - data types do not contain others, which stops recursion and the compound types' loops (CVE-2016-4333);
//   - extents, bits and chunk sizes are not zero where the library divides by them or counts from them;
//   - the chunk index is of the one kind that traces have, with the library's own parameters, and its first block
//     has the right signature.
// Anything else ends in a FileError that names the file and the object.
//
// What it does not do: it does not follow the chunk index below its first block, whose blocks carry checksums that
// the library verifies, and it does not judge the values of the data; TraceFile checks shapes, and TraceReader the
// rows. It knows only what HDF5 1.10 writes with H5Pset_libver_bounds(H5F_LIBVER_V110), which TraceFile sets with
// every version of the library. tests/fuzz/fuzz_trace.cpp and the tests of broken traces hold all this together.
//
// It can go when the format of traces leaves HDF5, or when every supported distribution has a library that is safe
// to point at any file.

/// An HDF5 file as bytes, checked before it is passed to libhdf5 (see above). What HDF5 1.10 would not write into a
/// trace is refused by a FileError. Not for several threads.
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
  struct Piece {
    std::uint64_t address = 0;
    std::uint64_t size = 0;  ///< bytes of messages
  };

  Bytes read(std::uint64_t address, std::uint64_t size, const std::string& name) const;
  Piece first_piece(std::uint64_t address, const std::string& name) const;
  Piece next_piece(std::span<const unsigned char> continuation, const std::string& name) const;
  void check_layout(std::span<const unsigned char> body, const std::string& name) const;
  void check_index(std::uint64_t address, const std::string& name) const;
  [[noreturn]] void refuse(const std::string& name, const std::string& what) const;

  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace deer
