// SPDX-License-Identifier: GPL-3.0-or-later
// torch.save files and TorchScript archives: a zip whose data.pkl describes tensors over stored members.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/base/error.h"
#include "core/base/pickle.h"
#include "core/base/utf8.h"
#include "core/model/weights/tensor_archive_private.h"

namespace deer {
namespace {

using Kind = PickleNode::Kind;

struct StorageName {
  std::string_view name;
  at::ScalarType dtype;
};
constexpr std::array kStorages = {
    StorageName{"torch.FloatStorage", at::kFloat},       StorageName{"torch.HalfStorage", at::kHalf},
    StorageName{"torch.BFloat16Storage", at::kBFloat16}, StorageName{"torch.DoubleStorage", at::kDouble},
    StorageName{"torch.LongStorage", at::kLong},         StorageName{"torch.IntStorage", at::kInt},
    StorageName{"torch.ShortStorage", at::kShort},       StorageName{"torch.CharStorage", at::kChar},
    StorageName{"torch.ByteStorage", at::kByte},         StorageName{"torch.BoolStorage", at::kBool}};

// Names that may appear; none is ever called. Modules of a TorchScript archive are "__torch__.*".
constexpr std::array<std::string_view, 22> kAllowed = {"collections.OrderedDict",
                                                       "torch._utils._rebuild_tensor_v2",
                                                       "torch._utils._rebuild_parameter",
                                                       "torch.Size",
                                                       "torch.device",
                                                       "torch.FloatStorage",
                                                       "torch.HalfStorage",
                                                       "torch.BFloat16Storage",
                                                       "torch.DoubleStorage",
                                                       "torch.LongStorage",
                                                       "torch.IntStorage",
                                                       "torch.ShortStorage",
                                                       "torch.CharStorage",
                                                       "torch.ByteStorage",
                                                       "torch.BoolStorage",
                                                       "builtins.set",
                                                       "argparse.Namespace",
                                                       "numpy.core.multiarray.scalar",
                                                       "numpy._core.multiarray.scalar",
                                                       "numpy.dtype",
                                                       "_codecs.encode",
                                                       "__torch__*"};

constexpr int kMaxDepth = 64;  // of nested modules

// The bytes of a pickled object; before protocol 3 they are a text that is encoded as Latin-1.
std::optional<std::string> pickled_bytes(const PickleNode& node) {
  if (node.is(Kind::bytes)) return node.text;
  const auto* arguments = node.is_call_of("_codecs.encode") ? node.items[1] : nullptr;
  if (arguments == nullptr || arguments->items.size() != 2 || !arguments->items[0]->is(Kind::text) ||
      !arguments->items[1]->is(Kind::text) || arguments->items[1]->text != "latin1") {
    return std::nullopt;
  }
  std::string out;
  for (std::string_view text = arguments->items[0]->text; !text.empty();) {
    const auto [code, size] = decode_utf8(text);
    if (code > 0xFF) return std::nullopt;
    out += static_cast<char>(code);
    text.remove_prefix(size);
  }
  return out;
}

template <class T>
Json number_of(const std::string& bytes) {
  T value;
  if (bytes.size() != sizeof value) return nullptr;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// numpy.core.multiarray.scalar(dtype('f8', False, True), b"…"): a number; null if it is none.
Json numpy_scalar(const PickleNode& node) {
  if (!node.is_call_of("numpy.core.multiarray.scalar") && !node.is_call_of("numpy._core.multiarray.scalar")) {
    return nullptr;
  }
  const auto& arguments = node.items[1]->items;
  if (arguments.size() != 2 || !arguments[0]->is_call_of("numpy.dtype")) return nullptr;
  const auto& dtype = arguments[0]->items[1]->items;
  const auto bytes = pickled_bytes(*arguments[1]);
  if (dtype.empty() || !dtype[0]->is(Kind::text) || !bytes) return nullptr;
  const auto& type = dtype[0]->text;
  if (type == "f8") return number_of<double>(*bytes);
  if (type == "f4") return number_of<float>(*bytes);
  if (type == "i8") return number_of<std::int64_t>(*bytes);
  if (type == "i4") return number_of<std::int32_t>(*bytes);
  if (type == "i2") return number_of<std::int16_t>(*bytes);
  if (type == "i1") return number_of<std::int8_t>(*bytes);
  if (type == "u8") return number_of<std::uint64_t>(*bytes);
  if (type == "u4") return number_of<std::uint32_t>(*bytes);
  if (type == "u2") return number_of<std::uint16_t>(*bytes);
  if (type == "u1") return number_of<std::uint8_t>(*bytes);
  if (type == "b1" && bytes->size() == 1) return bytes->front() != 0;
  return nullptr;
}

class TorchZipArchive final : public TensorArchive {
 public:
  explicit TorchZipArchive(ZipArchive zip) : TensorArchive(zip.file()->path()), zip_(std::move(zip)) {
    const auto* data = find_data_pickle();
    if (const auto* order = zip_.find(folder_ + "byteorder")) {
      const auto bytes = zip_.read(*order, 16);
      if (std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()) != "little") {
        throw FileError(path_, "stores big-endian numbers, expected little-endian");
      }
    }
    const PickleDocument pickle(zip_.read(*data, std::uint64_t{1} << 30), path_, kAllowed);
    read_root(pickle.root());
    // The name given at saving; a training run's options are in it, and it survives a renaming.
    fields_[kSavedName] = folder_.substr(0, folder_.size() - 1);
    if (entries_.empty()) throw FileError(path_, "holds no tensors (expected a state dict or a training checkpoint)");
  }

 protected:
  at::Tensor map_tensor(const std::string& name) const override {
    const auto& entry = entries_.at(name);
    const auto& place = place_.at(name);
    const auto* member = zip_.find(folder_ + "data/" + place.storage);
    if (member == nullptr) throw FileError(path_, "data of tensor '" + printable(name) + "' is missing");
    const auto bytes = zip_.stored(*member);
    const auto element = static_cast<std::uint64_t>(c10::elementSize(entry.dtype));
    if (place.elements_needed > bytes.size() / element) {
      throw FileError(path_, "tensor '" + printable(name) + "' needs " + std::to_string(place.elements_needed) +
                                 " numbers, but its data holds " + std::to_string(bytes.size() / element));
    }
    return tensor_over_mapping(zip_.file(), bytes, entry.dtype, entry.shape, place.strides, place.offset);
  }

 private:
  struct Place {
    std::string storage;
    std::vector<std::int64_t> strides;
    std::int64_t offset = 0;
    std::uint64_t elements_needed = 0;
  };

  const ZipArchive::Member* find_data_pickle() {
    for (const auto& member : zip_.members()) {
      const std::string_view name = member.name;
      if (!name.ends_with("data.pkl")) continue;
      const auto slash = name.find('/');
      // <name given at saving>/data.pkl, one level deep.
      if (slash == std::string_view::npos || name.substr(slash + 1) != "data.pkl") continue;
      folder_ = std::string(name.substr(0, slash + 1));
      return &member;
    }
    throw FileError(path_, "is a zip file without data.pkl: not written by torch.save");
  }

  void read_root(const PickleNode& root) {
    if (is_dictionary(root)) {
      const auto* state = root.get("model_state_dict");
      if (state == nullptr) state = root.get("state_dict");
      if (state != nullptr) {
        if (!is_dictionary(*state)) throw FileError(path_, "'model_state_dict' is not a dictionary of tensors");
        read_plain_fields(root);
        read_dictionary(*state);
      } else {
        read_dictionary(root);
      }
    } else if (root.is(Kind::call) && root.items[0]->text.starts_with("__torch__") && root.state != nullptr) {
      read_module(*root.state, "", 0);
    } else {
      throw FileError(path_, "holds neither a dictionary of tensors nor a TorchScript module");
    }
  }

  static bool is_dictionary(const PickleNode& node) {
    return node.is(Kind::dict) || node.is_call_of("collections.OrderedDict");
  }

  void read_dictionary(const PickleNode& dictionary) {
    for (const auto& [key, value] : dictionary.entries) {
      if (!key->is(Kind::text)) continue;
      if (!add_tensor(key->text, *value)) add_field(key->text, *value);
    }
  }

  void read_plain_fields(const PickleNode& checkpoint) {
    for (const auto& [key, value] : checkpoint.entries) {
      if (!key->is(Kind::text)) continue;
      if (key->text == "model_state_dict" || key->text == "state_dict") continue;
      if (!add_tensor(key->text, *value)) add_field(key->text, *value);
    }
  }

  void read_module(const PickleNode& state, const std::string& prefix, int depth) {
    if (depth > kMaxDepth) throw FileError(path_, "TorchScript modules are nested too deeply");
    for (const auto& [key, value] : state.entries) {
      // Shared modules can unfold to any number of names.
      if (++module_entries_ > 1'000'000) throw FileError(path_, "TorchScript modules have too many entries");
      if (!key->is(Kind::text)) continue;
      const auto name = prefix + key->text;
      if (value->is(Kind::call) && value->items[0]->text.starts_with("__torch__")) {
        if (value->state != nullptr) read_module(*value->state, name + ".", depth + 1);
      } else if (!add_tensor(name, *value)) {
        add_field(name, *value);
      }
    }
  }

  void add_field(const std::string& name, const PickleNode& value) {
    switch (value.kind) {
      case Kind::boolean:
        fields_[name] = value.integer != 0;
        break;
      case Kind::integer:
        fields_[name] = value.integer;
        break;
      case Kind::real:
        fields_[name] = value.real;
        break;
      case Kind::text:
        fields_[name] = value.text;
        break;
      case Kind::call:
        if (auto number = numpy_scalar(value); !number.is_null()) fields_[name] = std::move(number);
        break;
      default:
        break;  // optimiser and scheduler states, lists: not needed
    }
  }

  [[noreturn]] void malformed(const std::string& name, const char* why) const {
    throw FileError(path_, "tensor '" + printable(name) + "' " + why);
  }

  // False if `node` is not a tensor at all.
  bool add_tensor(const std::string& name, const PickleNode& node) {
    const PickleNode* call = &node;
    if (call->is_call_of("torch._utils._rebuild_parameter")) {
      if (call->items[1]->items.empty()) malformed(name, "is malformed");
      call = call->items[1]->items[0];
    }
    if (!call->is_call_of("torch._utils._rebuild_tensor_v2")) return false;
    // (storage, offset, shape, strides, requires_grad, hooks)
    const auto& arguments = call->items[1]->items;
    if (arguments.size() < 4 || !arguments[0]->is(Kind::persistent) || !arguments[1]->is(Kind::integer)) {
      malformed(name, "is malformed");
    }
    Entry entry{};
    Place place;
    std::uint64_t storage_elements = 0;
    read_storage(name, *arguments[0]->items[0], entry, place, storage_elements);
    place.offset = arguments[1]->integer;
    entry.shape = integers(name, *arguments[2]);
    place.strides = integers(name, *arguments[3]);
    place.elements_needed = elements_needed(name, entry, place);
    if (place.elements_needed > storage_elements) malformed(name, "reaches beyond its storage");
    entries_[name] = std::move(entry);
    place_[name] = std::move(place);
    return true;
  }

  // ('storage', torch.FloatStorage, key, location, number of elements)
  void read_storage(const std::string& name, const PickleNode& id, Entry& entry, Place& place,
                    std::uint64_t& elements) const {
    if (!id.is(Kind::tuple) || id.items.size() < 5 || !id.items[1]->is(Kind::global) || !id.items[2]->is(Kind::text) ||
        !id.items[4]->is(Kind::integer) || id.items[4]->integer < 0) {
      malformed(name, "refers to a malformed storage");
    }
    const auto* storage = std::find_if(kStorages.begin(), kStorages.end(),
                                       [&](const StorageName& s) { return s.name == id.items[1]->text; });
    if (storage == kStorages.end()) malformed(name, "has a storage of unknown type");
    entry.dtype = storage->dtype;
    place.storage = id.items[2]->text;
    elements = static_cast<std::uint64_t>(id.items[4]->integer);
  }

  std::vector<std::int64_t> integers(const std::string& name, const PickleNode& node) const {
    const PickleNode* tuple = &node;
    if (tuple->is_call_of("torch.Size") && !tuple->items[1]->items.empty()) tuple = tuple->items[1]->items[0];
    if (!tuple->is(Kind::tuple) && !tuple->is(Kind::list)) malformed(name, "has a malformed shape");
    std::vector<std::int64_t> out;
    for (const auto* item : tuple->items) {
      if (!item->is(Kind::integer)) malformed(name, "has a malformed shape");
      out.push_back(item->integer);
    }
    return out;
  }

  // How far into the storage the tensor reaches, in elements.
  std::uint64_t elements_needed(const std::string& name, const Entry& entry, const Place& place) const {
    const auto count = checked_element_count(entry.shape);
    if (count < 0 || place.offset < 0 || place.strides.size() != entry.shape.size()) {
      malformed(name, "has an impossible shape");
    }
    if (count == 0) return 0;
    std::int64_t last = place.offset;
    for (std::size_t i = 0; i < entry.shape.size(); ++i) {
      std::int64_t reach = 0;
      if (place.strides[i] < 0 || __builtin_mul_overflow(entry.shape[i] - 1, place.strides[i], &reach) ||
          __builtin_add_overflow(last, reach, &last)) {
        malformed(name, "has impossible strides");
      }
    }
    if (last == std::numeric_limits<std::int64_t>::max()) malformed(name, "has impossible strides");
    return static_cast<std::uint64_t>(last) + 1;
  }

  ZipArchive zip_;
  std::int64_t module_entries_ = 0;
  std::string folder_;
  std::map<std::string, Place> place_;
};

}  // namespace

std::shared_ptr<const TensorArchive> open_torch_zip(ZipArchive zip) {
  return std::make_shared<TorchZipArchive>(std::move(zip));
}

}  // namespace deer
