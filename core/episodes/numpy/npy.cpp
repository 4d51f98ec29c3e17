// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/numpy/npy.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/base/utf8.h"

namespace deer {
namespace {

constexpr std::size_t kMaxDimensions = 32;       // numpy's own limit up to version 1
constexpr std::uint32_t kMaxHeader = 64 * 1024;  // numpy writes some hundred bytes

// "file: 'key' problem", or "file: problem" for an .npy file of its own.
[[noreturn]] void fail(const std::filesystem::path& file, std::string_view name, const std::string& problem) {
  throw FileError(file, name.empty() ? "array " + problem : "'" + printable(name) + "' " + problem);
}

// Python's literal dictionary as numpy writes it: {'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::filesystem::path& file, std::string_view name)
      : text_(text), file_(file), name_(name) {}

  NpyHeader run() {
    NpyHeader header;
    bool has_type = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const auto key = quoted();
      expect(':');
      if (key == "descr" && !has_type) {
        header.type = type(header.big_endian);
        has_type = true;
      } else if (key == "fortran_order" && !has_order) {
        header.fortran_order = boolean();
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        header.shape = shape();
        has_shape = true;
      } else {
        bad();
      }
      if (!accept(',') && peek() != '}') bad();
    }
    if (peek() != '\0' || !has_type || !has_order || !has_shape) bad();
    for (const auto extent : header.shape) {
      if (extent != 0 && header.count > std::numeric_limits<std::uint64_t>::max() / extent) {
        fail(file_, name_, "has an impossible shape");
      }
      header.count *= extent;
    }
    return header;
  }

 private:
  [[noreturn]] void bad() const {
    fail(file_, name_, "has a header that numpy does not write: " + printable(text_, 60));
  }
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) bad();
  }
  std::string_view quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') bad();
    const auto end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) bad();
    const auto out = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return out;
  }
  NpyType type(bool& big_endian) {
    if (peek() == '[') fail(file_, name_, "is a structured array, expected a plain one");
    const auto descr = quoted();
    const auto parsed = parse_npy_type(descr, &big_endian);
    if (!parsed) fail(file_, name_, "has element type '" + printable(descr, 20) + "', which is not supported");
    return *parsed;
  }
  bool boolean() {
    peek();
    for (const auto& [word, value] : {std::pair{std::string_view("True"), true}, {std::string_view("False"), false}}) {
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return value;
      }
    }
    bad();
  }
  std::vector<std::uint64_t> shape() {
    std::vector<std::uint64_t> out;
    expect('(');
    while (!accept(')')) {
      peek();
      std::uint64_t extent = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), extent);
      if (error != std::errc{} || out.size() == kMaxDimensions) bad();
      at_ = static_cast<std::size_t>(end - text_.data());
      accept('L');  // Python 2
      out.push_back(extent);
      if (!accept(',') && peek() != ')') bad();
    }
    return out;
  }

  std::string_view text_;
  const std::filesystem::path& file_;
  std::string_view name_;
  std::size_t at_ = 0;
};

// IEEE 754 binary16.
double half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F;
  const int fraction = bits & 0x3FF;
  double size = 0;
  if (exponent == 31) {
    size = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    size = std::ldexp(fraction, -24);
  } else {
    size = std::ldexp(1024 + fraction, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -size : size;
}

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

std::string NpyType::text() const {
  const auto bits = std::to_string(std::uint64_t{size} * 8);
  switch (kind) {
    case 'b':
      return "bool";
    case 'u':
      return "uint" + bits;
    case 'i':
      return "int" + bits;
    case 'f':
      return "float" + bits;
    case 'O':
      return "object";
    default:
      return std::string(1, kind) + std::to_string(kind == 'U' ? size / 4 : size);
  }
}

std::optional<NpyType> parse_npy_type(std::string_view descr, bool* big_endian) {
  char order = '|';
  if (!descr.empty() && std::string_view("<>|=").find(descr.front()) != std::string_view::npos) {
    order = descr.front();
    descr.remove_prefix(1);
  }
  if (descr.empty()) return std::nullopt;
  NpyType type{descr.front(), 0};
  descr.remove_prefix(1);
  if (type.kind == 'O') {
    const bool plain = descr.empty() || descr == "8" || descr == "4";
    return plain ? std::optional(NpyType{'O', 8}) : std::nullopt;
  }
  if (type.kind == '?' && descr.empty()) return NpyType{'b', 1};
  const auto [end, error] = std::from_chars(descr.data(), descr.data() + descr.size(), type.size);
  if (error != std::errc{} || end != descr.data() + descr.size()) return std::nullopt;
  const auto size = type.size;
  bool known = false;
  switch (type.kind) {
    case 'b':
      known = size == 1;
      break;
    case 'u':
    case 'i':
      known = size == 1 || size == 2 || size == 4 || size == 8;
      break;
    case 'f':
      known = size == 2 || size == 4 || size == 8;
      break;
    case 'S':
      known = size <= 1 << 20;
      break;
    case 'U':
      known = size <= 1 << 18;
      type.size *= 4;
      break;
    default:
      break;
  }
  const bool reversed = order == '>' && type.size > 1 && type.kind != 'S';
  if (!known || (reversed && big_endian == nullptr)) return std::nullopt;
  if (big_endian != nullptr) *big_endian = reversed;
  return type;
}

std::string describe_array(const NpyType& type, std::span<const std::uint64_t> shape) {
  std::string out = type.text() + " [";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

NpyHeader parse_npy_header(std::span<const std::byte> bytes, const std::filesystem::path& file, std::string_view name) {
  const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); };
  constexpr std::string_view kMagic = "\x93NUMPY";
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (all.substr(0, kMagic.size()) != kMagic.substr(0, all.size())) fail(file, name, "does not begin as numpy's .npy");
  if (bytes.size() < 10) fail(file, name, "is cut short in its header");
  const auto version = byte(6);
  if (version < 1 || version > 3) {
    fail(file, name, "has .npy version " + std::to_string(version) + ", expected 1 to 3");
  }
  const std::size_t begin = version == 1 ? 10 : 12;
  if (bytes.size() < begin) fail(file, name, "is cut short in its header");
  const std::uint32_t size =
      version == 1 ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  if (size > kMaxHeader) fail(file, name, "claims a header of " + std::to_string(size) + " bytes");
  if (bytes.size() - begin < size) fail(file, name, "is cut short in its header");
  auto header = HeaderParser(all.substr(begin, size), file, name).run();
  header.data_offset = begin + size;
  return header;
}

NpyArray NpyArray::parse(std::vector<std::byte> bytes, const std::filesystem::path& file, std::string_view name) {
  auto header = parse_npy_header(bytes, file, name);
  if (header.type.kind == 'O') fail(file, name, "holds pickled objects, expected an array of numbers or text");
  const std::uint64_t found = bytes.size() - header.data_offset;
  const auto size = header.type.size;
  if (size != 0 && header.count > std::numeric_limits<std::uint64_t>::max() / size) {
    fail(file, name, "has an impossible shape");
  }
  if (found != header.count * size) {
    fail(file, name,
         "has " + std::to_string(found) + " bytes of data, but " + describe_array(header.type, header.shape) +
             " needs " + std::to_string(header.count * size));
  }
  NpyArray array(header.type, std::move(header.shape), false, {});
  array.bytes_ = std::move(bytes);
  array.offset_ = header.data_offset;
  if (header.big_endian) array.reverse_bytes();
  if (header.fortran_order) array.turn_to_c_order();
  return array;
}

NpyArray NpyArray::open(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return parse({file->bytes().begin(), file->bytes().end()}, path);
}

NpyArray::NpyArray(NpyType type, std::vector<std::uint64_t> shape, bool fortran_order, std::vector<std::byte> data)
    : type_(type), shape_(std::move(shape)), bytes_(std::move(data)) {
  for (const auto extent : shape_) count_ *= extent;
  if (fortran_order) turn_to_c_order();
}

void NpyArray::reverse_bytes() {
  const std::size_t unit = type_.kind == 'U' ? 4 : type_.size;
  for (auto at = offset_; at + unit <= bytes_.size(); at += unit) {
    std::reverse(bytes_.begin() + static_cast<std::ptrdiff_t>(at),
                 bytes_.begin() + static_cast<std::ptrdiff_t>(at + unit));
  }
}

void NpyArray::turn_to_c_order() {
  if (shape_.size() < 2 || count_ == 0) return;
  std::vector<std::byte> turned(count_ * type_.size);
  std::vector<std::uint64_t> at(shape_.size(), 0);
  const auto source = data();
  for (std::uint64_t i = 0; i < count_; ++i) {
    std::uint64_t from = 0;
    for (std::size_t d = shape_.size(); d-- > 0;) from = from * shape_[d] + at[d];
    std::memcpy(turned.data() + i * type_.size, source.data() + from * type_.size, type_.size);
    for (std::size_t d = shape_.size(); d-- > 0 && ++at[d] == shape_[d];) at[d] = 0;
  }
  bytes_ = std::move(turned);
  offset_ = 0;
}

double NpyArray::number(std::size_t index) const {
  if (type_.kind != 'f') return static_cast<double>(integer(index));
  const std::byte* at = data().data() + index * type_.size;
  if (type_.size == 2) return half_value(load<std::uint16_t>(at));
  return type_.size == 4 ? static_cast<double>(load<float>(at)) : load<double>(at);
}

std::int64_t NpyArray::integer(std::size_t index) const {
  const std::byte* at = data().data() + index * type_.size;
  const bool is_signed = type_.kind == 'i';
  switch (type_.size) {
    case 1:
      return is_signed ? load<std::int8_t>(at) : load<std::uint8_t>(at);
    case 2:
      return is_signed ? load<std::int16_t>(at) : load<std::uint16_t>(at);
    case 4:
      return is_signed ? load<std::int32_t>(at) : std::int64_t{load<std::uint32_t>(at)};
    default:
      return load<std::int64_t>(at);
  }
}

std::string NpyArray::text(std::size_t index) const {
  const std::byte* at = data().data() + index * type_.size;
  std::string out;
  if (type_.kind == 'U') {
    for (std::size_t i = 0; i < type_.size; i += 4) {
      const auto code = load<std::uint32_t>(at + i);
      if (code != 0) append_utf8(out, code);
    }
  } else {
    out.assign(reinterpret_cast<const char*>(at), type_.size);
    while (!out.empty() && out.back() == '\0') out.pop_back();
  }
  return out;
}

}  // namespace deer
