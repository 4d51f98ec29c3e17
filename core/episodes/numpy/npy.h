// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deer {

/// numpy's element type: its kind letter (b bool, u, i, f, O object, S bytes, U text) and bytes an element.
struct NpyType {
  char kind = 'f';
  std::uint32_t size = 8;

  bool operator==(const NpyType&) const = default;
  bool is_number() const { return kind == 'b' || kind == 'u' || kind == 'i' || kind == 'f'; }
  std::string text() const;  ///< "uint8", "float64", "object", …
};

/// Reads "<f8", "|u1", "|O", "<U12"; empty if it is none of those. Big-endian ones (">f8") are only read where
/// `big_endian` takes note of it.
std::optional<NpyType> parse_npy_type(std::string_view descr, bool* big_endian = nullptr);

/// "uint8 [200, 200, 3]"
std::string describe_array(const NpyType& type, std::span<const std::uint64_t> shape);

/// What stands before the data of an .npy file (versions 1 to 3).
struct NpyHeader {
  NpyType type;
  bool big_endian = false;
  bool fortran_order = false;
  std::vector<std::uint64_t> shape;  ///< [] for a single value
  std::uint64_t count = 1;           ///< product of shape
  std::size_t data_offset = 0;       ///< bytes before the data
};

/// Parses the header with a parser of its own that accepts the literal dictionary numpy writes and
/// nothing else. `name` is the key in messages, empty for a file of its own. Throws FileError.
NpyHeader parse_npy_header(std::span<const std::byte> bytes, const std::filesystem::path& file,
                           std::string_view name = {});

/// An array of numbers or fixed-size text, owned, in C order and little-endian (others are converted on reading).
class NpyArray {
 public:
  /// `bytes` is a whole .npy file. Throws FileError if it is malformed, if the data is shorter or
  /// longer than the shape says, or if it holds pickled objects.
  static NpyArray parse(std::vector<std::byte> bytes, const std::filesystem::path& file, std::string_view name = {});
  static NpyArray open(const std::filesystem::path& path);

  /// From parts, as a pickled ndarray carries them. `data` must be count * type.size bytes.
  NpyArray(NpyType type, std::vector<std::uint64_t> shape, bool fortran_order, std::vector<std::byte> data);

  const NpyType& type() const { return type_; }
  const std::vector<std::uint64_t>& shape() const { return shape_; }
  std::uint64_t count() const { return count_; }
  std::span<const std::byte> data() const { return std::span(bytes_).subspan(offset_); }
  std::string describe() const { return describe_array(type_, shape_); }

  double number(std::size_t index) const;         ///< any number type but long double
  std::int64_t integer(std::size_t index) const;  ///< bool and integer types
  std::string text(std::size_t index) const;      ///< U and S types, as UTF-8

 private:
  void turn_to_c_order();
  void reverse_bytes();

  NpyType type_;
  std::vector<std::uint64_t> shape_;
  std::uint64_t count_ = 1;
  std::vector<std::byte> bytes_;
  std::size_t offset_ = 0;
};

}  // namespace deer
