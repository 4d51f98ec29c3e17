// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/episodes/numpy/npy.h"

namespace deer {

/// An array of numbers, or of text as UTF-32 padded with zeros, to be written; C order, little-endian. The data are
/// only looked at.
struct NpyView {
  NpyType type;
  std::vector<std::uint64_t> shape;
  std::span<const std::byte> data;  ///< product of shape * type.size bytes

  template <typename T>
  static NpyView of(char kind, std::vector<std::uint64_t> shape, std::span<const T> values) {
    return {{kind, sizeof(T)}, std::move(shape), std::as_bytes(values)};
  }
};

/// An .npy file (version 1.0) as numpy writes it. Throws Error if the data do not fit the shape.
std::string npy_file(const NpyView& array);

/// Packs arrays into .npz files, deflated. Keeps its buffers between files; one thread at a time.
class NpzPacker {
 public:
  /// `level` is zlib's, 1 (fast) to 9.
  explicit NpzPacker(int level = 1);
  ~NpzPacker();
  NpzPacker(const NpzPacker&) = delete;
  NpzPacker& operator=(const NpzPacker&) = delete;

  void add(std::string_view key, const NpyView& array);
  /// The file with everything added since the last call, which it forgets.
  std::string finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Builds a pickle (protocol 3, as numpy writes it) of plain values and numpy arrays. A container is
/// begin(), its items, and end_list(), end_tuple() or end_dict() (key, value, key, value, …).
class PickleWriter {
 public:
  void begin();
  void end_list();
  void end_tuple();
  void end_dict();
  void integer(std::int64_t value);
  void text(std::string_view utf8);
  void bytes(std::string_view raw);
  void array(const NpyView& array);

  /// An .npy file that holds the pickled value: what np.save makes of a Python object, an object array of shape ().
  static std::string npy_of_object(const PickleWriter& value);

 private:
  void global(std::string_view module, std::string_view name);
  void dtype(const NpyType& type);
  void open_array();
  void number32(std::uint32_t value);

  std::string out_;  // without the protocol's head and the final stop
};

}  // namespace deer
