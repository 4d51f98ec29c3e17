// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/numpy/npy_writer.h"

#include <utility>

#include "core/base/bytes.h"
#include "core/base/error.h"

namespace deer {
namespace {

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
  put_number(out, static_cast<std::uint16_t>(text.size()));
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

}  // namespace

std::string npy_file(const NpyView& array) {
  check(array);
  auto out = npy_header(array.type, array.shape);
  out += as_text(array.data);
  return out;
}

NpzPacker::NpzPacker(int level) : zip_(out_, level) {}

void NpzPacker::add(std::string_view key, const NpyView& array) {
  const auto name = std::string(key) + ".npy";
  const auto content = npy_file(array);
  constexpr auto kLimit = std::uint64_t{1} << 31;
  if (content.size() + zip_.size() > kLimit) throw Error("array '" + name + "' is too large for an .npz file");
  zip_.add(name, std::as_bytes(std::span(content)));
}

std::string NpzPacker::finish() {
  zip_.finish();
  auto file = std::move(out_).str();
  out_.str({});
  return file;
}

// numpy.dtype('f4', False, True) with the state (3, '<', None, None, None, -1, -1, 0).
void NumpyPickleWriter::dtype(const NpyType& type) {
  global("numpy", "dtype");
  text(type.kind == 'O' ? std::string("O8") : type.kind + std::to_string(type.size));
  boolean(false);
  boolean(true);
  end_tuple_of(3);
  call();
  begin();
  integer(3);
  text(type.size == 1 || type.kind == 'O' ? "|" : "<");
  for (int i = 0; i < 3; ++i) none();
  integer(-1);
  integer(-1);
  integer(type.kind == 'O' ? 63 : 0);
  end_tuple();
  set_state();
}

// numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b'b')
void NumpyPickleWriter::open_array() {
  global("numpy.core.multiarray", "_reconstruct");
  global("numpy", "ndarray");
  integer(0);
  end_tuple_of(1);
  bytes("b");
  end_tuple_of(3);
  call();
}

void NumpyPickleWriter::array(const NpyView& array) {
  check(array);
  open_array();
  begin();
  integer(1);
  begin();
  for (const auto extent : array.shape) integer(static_cast<std::int64_t>(extent));
  end_tuple();
  dtype(array.type);
  boolean(false);
  bytes(as_text(array.data));
  end_tuple();
  set_state();
}

std::string NumpyPickleWriter::npy_of_object(const NumpyPickleWriter& object) {
  NumpyPickleWriter whole;
  whole.open_array();
  whole.begin();
  whole.integer(1);
  whole.begin();
  whole.end_tuple();
  whole.dtype({'O', 8});
  whole.boolean(false);
  whole.begin();
  whole.value(object);
  whole.end_list();
  whole.end_tuple();
  whole.set_state();
  return npy_header({'O', 8}, {}) + whole.finish(3);
}

}  // namespace deer
