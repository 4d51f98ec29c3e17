// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/numpy/npy_writer.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/error.h"

namespace deer {
namespace {

template <typename T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

std::string descr(const NpyType& type) {
  if (type.kind == 'O') return "|O";
  const char order = type.size == 1 ? '|' : '<';
  // Of text, numpy counts the characters.
  return std::string(1, order) + type.kind + std::to_string(type.kind == 'U' ? type.size / 4 : type.size);
}

std::string npy_header(const NpyType& type, const std::vector<std::uint64_t>& shape) {
  std::string text = "{'descr': '" + descr(type) + "', 'fortran_order': False, 'shape': (";
  for (const auto extent : shape) text += std::to_string(extent) + ", ";
  if (shape.size() > 1) text.resize(text.size() - 2);
  if (shape.size() == 1) text.pop_back();
  text += "), }";
  constexpr std::size_t kPrefix = 10;
  constexpr std::size_t kAlignment = 64;
  while ((kPrefix + text.size() + 1) % kAlignment != 0) text += ' ';
  text += '\n';
  std::string out = "\x93NUMPY";
  out += '\x01';
  out += '\0';
  put(out, static_cast<std::uint16_t>(text.size()));
  return out + text;
}

void check(const NpyView& array) {
  std::uint64_t bytes = array.type.size;
  for (const auto extent : array.shape) bytes *= extent;
  const bool text = array.type.kind == 'U' && array.type.size > 0 && array.type.size % 4 == 0;
  if ((array.type.is_number() || text) && bytes == array.data.size()) return;
  throw Error("an array of " + describe_array(array.type, array.shape) + " was given " +
              std::to_string(array.data.size()) + " bytes to write");
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string npy_file(const NpyView& array) {
  check(array);
  auto out = npy_header(array.type, array.shape);
  out += as_text(array.data);
  return out;
}

// Zip: PKWARE APPNOTE 6.3.9, sections 4.3.7 and 4.3.12. Members are small: no zip64.
struct NpzPacker::Impl {
  z_stream stream{};
  std::string out;
  std::string directory;
  std::uint16_t count = 0;
};

NpzPacker::NpzPacker(int level) : impl_(std::make_unique<Impl>()) {
  if (deflateInit2(&impl_->stream, level, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw Error("zlib cannot compress at level " + std::to_string(level) + ", expected 1 to 9");
  }
}

NpzPacker::~NpzPacker() { deflateEnd(&impl_->stream); }

void NpzPacker::add(std::string_view key, const NpyView& array) {
  const auto name = std::string(key) + ".npy";
  const auto content = npy_file(array);
  constexpr auto kLimit = std::uint64_t{1} << 31;
  if (content.size() + impl_->out.size() > kLimit) throw Error("array '" + name + "' is too large for an .npz file");

  auto& stream = impl_->stream;
  deflateReset(&stream);
  std::string packed(deflateBound(&stream, static_cast<uLong>(content.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw Error("zlib failed to compress '" + name + "'");
  packed.resize(stream.total_out);

  const auto crc =
      static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()));
  const auto offset = static_cast<std::uint32_t>(impl_->out.size());
  const auto common = [&](std::string& to) {
    constexpr std::uint16_t kVersion = 20;
    constexpr std::uint16_t kDeflated = 8;
    constexpr std::uint16_t kFirstOfJanuary1980 = 0x21;
    put(to, kVersion);
    put(to, std::uint16_t{0});
    put(to, kDeflated);
    put(to, std::uint16_t{0});
    put(to, kFirstOfJanuary1980);
    put(to, crc);
    put(to, static_cast<std::uint32_t>(packed.size()));
    put(to, static_cast<std::uint32_t>(content.size()));
    put(to, static_cast<std::uint16_t>(name.size()));
    put(to, std::uint16_t{0});
  };
  put(impl_->out, std::uint32_t{0x04034b50});
  common(impl_->out);
  impl_->out += name;
  impl_->out += packed;

  auto& directory = impl_->directory;
  put(directory, std::uint32_t{0x02014b50});
  put(directory, std::uint16_t{20});
  common(directory);
  put(directory, std::uint16_t{0});  // comment
  put(directory, std::uint16_t{0});  // disk
  put(directory, std::uint16_t{0});  // internal attributes
  put(directory, std::uint32_t{0});  // external attributes
  put(directory, offset);
  directory += name;
  ++impl_->count;
}

std::string NpzPacker::finish() {
  auto& out = impl_->out;
  const auto begin = static_cast<std::uint32_t>(out.size());
  out += impl_->directory;
  put(out, std::uint32_t{0x06054b50});
  put(out, std::uint32_t{0});
  put(out, impl_->count);
  put(out, impl_->count);
  put(out, static_cast<std::uint32_t>(impl_->directory.size()));
  put(out, begin);
  put(out, std::uint16_t{0});
  impl_->directory.clear();
  impl_->count = 0;
  return std::exchange(out, {});
}

// Opcodes: Python's Lib/pickletools.py.
void PickleWriter::begin() { out_ += '('; }

void PickleWriter::end_list() { out_ += 'l'; }

void PickleWriter::end_tuple() { out_ += 't'; }

void PickleWriter::end_dict() { out_ += 'd'; }

void PickleWriter::number32(std::uint32_t value) { put(out_, value); }

void PickleWriter::integer(std::int64_t value) {
  if (value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max()) {
    out_ += 'J';
    number32(static_cast<std::uint32_t>(value));
  } else {
    out_ += "\x8a\x08";
    put(out_, static_cast<std::uint64_t>(value));
  }
}

void PickleWriter::text(std::string_view utf8) {
  out_ += 'X';
  number32(static_cast<std::uint32_t>(utf8.size()));
  out_ += utf8;
}

void PickleWriter::bytes(std::string_view raw) {
  if (raw.size() > std::numeric_limits<std::uint32_t>::max()) throw Error("an array is too large to be pickled");
  out_ += 'B';
  number32(static_cast<std::uint32_t>(raw.size()));
  out_ += raw;
}

void PickleWriter::global(std::string_view module, std::string_view name) {
  out_ += 'c';
  out_ += module;
  out_ += '\n';
  out_ += name;
  out_ += '\n';
}

// numpy.dtype('f4', False, True) with the state (3, '<', None, None, None, -1, -1, 0).
void PickleWriter::dtype(const NpyType& type) {
  global("numpy", "dtype");
  text(type.kind == 'O' ? std::string("O8") : type.kind + std::to_string(type.size));
  out_ += "\x89\x88\x87R";
  begin();
  integer(3);
  text(type.size == 1 || type.kind == 'O' ? "|" : "<");
  out_ += "NNN";
  integer(-1);
  integer(-1);
  integer(type.kind == 'O' ? 63 : 0);
  end_tuple();
  out_ += 'b';
}

// numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b'b')
void PickleWriter::open_array() {
  global("numpy.core.multiarray", "_reconstruct");
  global("numpy", "ndarray");
  integer(0);
  out_ += '\x85';
  bytes("b");
  out_ += "\x87R";
}

void PickleWriter::array(const NpyView& array) {
  check(array);
  open_array();
  begin();
  integer(1);
  begin();
  for (const auto extent : array.shape) integer(static_cast<std::int64_t>(extent));
  end_tuple();
  dtype(array.type);
  out_ += '\x89';
  bytes(as_text(array.data));
  end_tuple();
  out_ += 'b';
}

std::string PickleWriter::npy_of_object(const PickleWriter& value) {
  PickleWriter whole;
  whole.open_array();
  whole.begin();
  whole.integer(1);
  whole.begin();
  whole.end_tuple();
  whole.dtype({'O', 8});
  whole.out_ += '\x89';
  whole.begin();
  whole.out_ += value.out_;
  whole.end_list();
  whole.end_tuple();
  whole.out_ += 'b';
  return npy_header({'O', 8}, {}) + "\x80\x03" + whole.out_ + '.';
}

}  // namespace deer
