// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/numpy/numpy_pickle.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "core/base/error.h"

namespace deer {
namespace {

using Kind = PickleNode::Kind;

// numpy 2 renamed numpy.core to numpy._core; files of both are about.
constexpr std::array<std::string_view, 13> kAllowed = {
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.core.numeric._frombuffer",
    "numpy._core.numeric._frombuffer",
    "numpy.ndarray",
    "numpy.dtype",
    "_codecs.encode",
    "__builtin__.bytes",
    "builtins.bytes",
    "builtins.bytearray",
    "collections.OrderedDict",
};

bool is_numpy_call(const PickleNode& node, std::string_view function) {
  if (!node.is(Kind::call)) return false;
  std::string_view name = node.items[0]->text;
  for (const std::string_view prefix : {"numpy.core.", "numpy._core."}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size()) == function;
  }
  return false;
}

const std::vector<const PickleNode*>& arguments(const PickleNode& call) { return call.items[1]->items; }

// Text whose code points are bytes, as protocols below 3 store them.
std::optional<std::string> latin1(std::string_view utf8) {
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    if (lead < 0x80) {
      out += static_cast<char>(lead);
    } else if ((lead == 0xC2 || lead == 0xC3) && i + 1 < utf8.size()) {
      out += static_cast<char>(((lead & 3) << 6) | (static_cast<unsigned char>(utf8[++i]) & 0x3F));
    } else {
      return std::nullopt;
    }
  }
  return out;
}

std::optional<std::string> raw_bytes(const PickleNode& node) {
  if (node.is(Kind::bytes)) return node.text;
  if (node.is(Kind::text)) return latin1(node.text);
  if (!node.is(Kind::call)) return std::nullopt;
  const auto& args = arguments(node);
  if (node.is_call_of("_codecs.encode")) {
    return args.size() >= 1 && args[0]->is(Kind::text) ? latin1(args[0]->text) : std::nullopt;
  }
  const bool makes_bytes = node.is_call_of("__builtin__.bytes") || node.is_call_of("builtins.bytes") ||
                           node.is_call_of("builtins.bytearray");
  if (!makes_bytes) return std::nullopt;
  if (args.empty()) return std::string();
  return args[0]->is(Kind::bytes) ? std::optional(args[0]->text) : std::nullopt;
}

// numpy.dtype('f8', False, True) with the byte order in its state: (3, '<', None, None, None, -1, -1, 0).
std::optional<NpyType> dtype(const PickleNode& node) {
  if (!node.is_call_of("numpy.dtype")) return std::nullopt;
  const auto& args = arguments(node);
  if (args.empty()) return std::nullopt;
  const auto name = raw_bytes(*args[0]);
  const auto type = name ? parse_npy_type(*name) : std::nullopt;
  if (!type) return std::nullopt;
  if (node.state != nullptr && node.state->is(Kind::tuple) && node.state->items.size() > 1) {
    const auto order = raw_bytes(*node.state->items[1]);
    if (order && *order == ">" && type->size > 1) return std::nullopt;
  }
  return type;
}

std::optional<std::vector<std::uint64_t>> shape_of(const PickleNode& node) {
  if (!node.is(Kind::tuple) || node.items.size() > 32) return std::nullopt;
  std::vector<std::uint64_t> shape;
  for (const auto* item : node.items) {
    if (!item->is(Kind::integer) || item->integer < 0) return std::nullopt;
    shape.push_back(static_cast<std::uint64_t>(item->integer));
  }
  return shape;
}

std::optional<NpyArray> make_array(NpyType type, std::vector<std::uint64_t> shape, bool fortran_order,
                                   const std::string& data) {
  if (type.kind == 'O') return std::nullopt;
  std::uint64_t bytes = type.size;
  for (const auto extent : shape) {
    if (extent != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / extent) return std::nullopt;
    bytes *= extent;
  }
  if (bytes != data.size()) return std::nullopt;
  std::vector<std::byte> copy(data.size());
  if (!data.empty()) std::memcpy(copy.data(), data.data(), data.size());
  return NpyArray(type, std::move(shape), fortran_order, std::move(copy));
}

// What BUILD gives an ndarray: (version, shape, dtype, is_fortran, bytes or list of objects).
const std::vector<const PickleNode*>* array_state(const PickleNode& node) {
  if (!is_numpy_call(node, "multiarray._reconstruct") || node.state == nullptr) return nullptr;
  const bool fits = node.state->is(Kind::tuple) && node.state->items.size() == 5;
  return fits ? &node.state->items : nullptr;
}

std::optional<NpyArray> scalar(const PickleNode& node) {
  if (!is_numpy_call(node, "multiarray.scalar") || arguments(node).size() != 2) return std::nullopt;
  const auto type = dtype(*arguments(node)[0]);
  const auto data = raw_bytes(*arguments(node)[1]);
  return type && data ? make_array(*type, {}, false, *data) : std::nullopt;
}

bool is_integer_type(const NpyType& type) { return type.is_number() && type.kind != 'f'; }
bool is_text_type(const NpyType& type) { return type.kind == 'U' || type.kind == 'S'; }

}  // namespace

NumpyPickle::NumpyPickle(std::span<const std::byte> bytes, const std::filesystem::path& file)
    : document_(bytes, file, kAllowed) {}

NumpyPickle NumpyPickle::from_npy(std::span<const std::byte> bytes, const std::filesystem::path& file) {
  const auto header = parse_npy_header(bytes, file);
  if (header.type.kind != 'O') {
    throw FileError(file, "holds " + describe_array(header.type, header.shape) + ", expected pickled objects");
  }
  return {bytes.subspan(header.data_offset), file};
}

const PickleNode* NumpyPickle::entry(const PickleNode& dictionary, std::string_view key) {
  for (auto it = dictionary.entries.rbegin(); it != dictionary.entries.rend(); ++it) {
    const PickleNode& name = *it->first;
    if ((name.is(Kind::text) || name.is(Kind::bytes)) && name.text == key) return it->second;
  }
  return nullptr;
}

std::optional<std::vector<const PickleNode*>> NumpyPickle::sequence(const PickleNode& node) {
  if (node.is(Kind::list) || node.is(Kind::tuple)) return node.items;
  const auto* state = array_state(node);
  if (state == nullptr || !(*state)[4]->is(Kind::list)) return std::nullopt;
  const auto type = dtype(*(*state)[2]);
  if (!type || type->kind != 'O') return std::nullopt;
  return (*state)[4]->items;
}

std::optional<std::int64_t> NumpyPickle::integer(const PickleNode& node) {
  if (node.is(Kind::integer)) return node.integer;
  const auto value = scalar(node);
  if (!value || !is_integer_type(value->type())) return std::nullopt;
  return value->integer(0);
}

std::optional<std::string> NumpyPickle::text(const PickleNode& node) {
  if (node.is(Kind::text) || node.is(Kind::bytes)) return node.text;
  const auto value = scalar(node);
  if (!value || !is_text_type(value->type())) return std::nullopt;
  return value->text(0);
}

std::optional<NpyArray> NumpyPickle::array(const PickleNode& node) {
  if (const auto* state = array_state(node); state != nullptr) {
    auto shape = shape_of(*(*state)[1]);
    const auto type = dtype(*(*state)[2]);
    const auto data = raw_bytes(*(*state)[4]);
    const bool fortran_order = (*state)[3]->integer != 0;
    if (!shape || !type || !data) return std::nullopt;
    return make_array(*type, std::move(*shape), fortran_order, *data);
  }
  if (!is_numpy_call(node, "numeric._frombuffer") || arguments(node).size() != 4) return std::nullopt;
  const auto& args = arguments(node);
  const auto data = raw_bytes(*args[0]);
  const auto type = dtype(*args[1]);
  auto shape = shape_of(*args[2]);
  if (!data || !type || !shape) return std::nullopt;
  return make_array(*type, std::move(*shape), args[3]->text == "F", *data);
}

}  // namespace deer
