// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/hdf5/h5.h"

namespace deer {

/// A dataset that is whole, but of a kind that is not read.
class Hdf5Unsupported : public FileError {
 public:
  using FileError::FileError;
};

/// A dataset of an HDF5 file: its shape and what an element is.
struct Hdf5Array {
  enum class Element { integer, real, text, bytes, other };  ///< bytes: uint8 of variable length
  Element element = Element::other;
  std::size_t element_size = 0;      ///< bytes; 0 for variable length
  std::vector<std::uint64_t> shape;  ///< empty: a scalar
  bool is_uint8 = false;

  std::uint64_t rows() const { return shape.empty() ? 0 : shape[0]; }
  /// Elements of a row; 1 for one dimension.
  std::uint64_t row_size() const;
  /// "float64 [412, 7]"
  std::string describe() const;
};

/// An HDF5 file that others wrote, read-only. What refers to other files (external links and storage, virtual
/// datasets) is refused, and nothing larger than asked for is read. Thread-safe: HDF5 has one lock.
class Hdf5File {
 public:
  static bool looks_like_hdf5(const std::filesystem::path& file);

  /// Throws FileError.
  explicit Hdf5File(const std::filesystem::path& path);
  ~Hdf5File();
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Names in a group, in natural order. Throws FileError if there are more than `most`.
  std::vector<std::string> children(const std::string& group, std::size_t most) const;
  bool is_group(const std::string& name) const;
  /// Empty if `name` is no dataset that can be read. Throws FileError for one that is refused, naming the reason.
  std::optional<Hdf5Array> array(const std::string& name) const;

  /// Rows [first, first + count) as numbers, row after row. Throws FileError.
  std::vector<double> numbers(const std::string& name, std::uint64_t first, std::uint64_t count) const;
  /// One row of a uint8 dataset, or one element of variable length; at most `most` bytes. Throws FileError.
  std::vector<std::uint8_t> bytes(const std::string& name, std::uint64_t row, std::size_t most) const;
  /// The first element as UTF-8 text; empty if it is none.
  std::string text(const std::string& name) const;

  /// An attribute as text (at most 16 MiB); empty if there is none or it is no text.
  std::string attribute(const std::string& object, const std::string& name) const;
  std::optional<double> attribute_number(const std::string& object, const std::string& name) const;

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& problem) const;
  [[noreturn]] void refuse(const std::string& name, const std::string& problem) const;
  /// Whether each part of the path is a hard link, and the object is of this kind.
  bool is_here(const std::string& name, H5O_type_t kind) const;
  h5::Id open_array(const std::string& name) const;
  /// How many of `count` rows one read may cover, since libhdf5 takes memory for each chunk that it touches. Refuses
  /// chunks far too small, and far more rows than there are chunks stored. With HDF5 locked.
  std::uint64_t rows_at_once(const std::string& name, hid_t dataset, const Hdf5Array& facts, std::uint64_t count) const;
  /// The same, kept open with its decoded chunks: pictures are read one after another. With HDF5 locked.
  hid_t kept_array(const std::string& name) const;

  std::filesystem::path path_;
  h5::Id file_;
  mutable std::map<std::string, h5::Id> kept_;
};

}  // namespace deer
