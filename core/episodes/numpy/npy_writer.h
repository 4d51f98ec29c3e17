// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/pickle_writer.h"
#include "core/base/zip_writer.h"
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

  void add(std::string_view key, const NpyView& array);
  /// The file with everything added since the last call, which it forgets.
  std::string finish();

 private:
  std::ostringstream out_;
  ZipWriter zip_;
};

/// A pickle with numpy arrays among its values.
class NumpyPickleWriter : public PickleWriter {
 public:
  void array(const NpyView& array);

  /// An .npy file that holds the pickled value: what np.save makes of a Python object, an object array of shape ().
  static std::string npy_of_object(const NumpyPickleWriter& object);

 private:
  void dtype(const NpyType& type);
  void open_array();
};

}  // namespace deer
