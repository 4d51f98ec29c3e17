// SPDX-License-Identifier: GPL-3.0-or-later
// The safetensors format: 8-byte little-endian header size, JSON header, contiguous data.
#include <algorithm>
#include <array>
#include <bit>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/model/weights/tensor_archive_private.h"

namespace deer {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor files are little-endian and are mapped as they are");

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the format's own limit

struct DtypeName {
  const char* name;
  at::ScalarType dtype;
};
constexpr std::array kDtypes = {DtypeName{"F64", at::kDouble}, DtypeName{"F32", at::kFloat},
                                DtypeName{"F16", at::kHalf},   DtypeName{"BF16", at::kBFloat16},
                                DtypeName{"I64", at::kLong},   DtypeName{"I32", at::kInt},
                                DtypeName{"I16", at::kShort},  DtypeName{"I8", at::kChar},
                                DtypeName{"U8", at::kByte},    DtypeName{"BOOL", at::kBool}};

class SafetensorsArchive final : public TensorArchive {
 public:
  explicit SafetensorsArchive(std::shared_ptr<const MappedFile> file)
      : TensorArchive(file->path()), file_(std::move(file)) {
    const auto head = file_->range(0, 8, "safetensors header size");
    std::uint64_t header_size = 0;
    for (std::size_t i = 0; i < 8; ++i) header_size |= std::to_integer<std::uint64_t>(head[i]) << (8 * i);
    if (header_size > kMaxHeader) {
      throw FileError(path_, "safetensors header claims " + std::to_string(header_size) + " bytes, more than the " +
                                 std::to_string(kMaxHeader) + " that the format allows");
    }
    const auto text = file_->range(8, header_size, "safetensors header");
    data_ = file_->bytes().subspan(8 + static_cast<std::size_t>(header_size));
    parse(text);
  }

 protected:
  at::Tensor map_tensor(const std::string& name) const override {
    const auto& entry = entries_.at(name);
    return tensor_over_mapping(file_, data_.subspan(place_.at(name).begin, place_.at(name).size()), entry.dtype,
                               entry.shape, contiguous_strides(entry.shape), 0);
  }

 private:
  struct Place {
    std::size_t begin;
    std::size_t end;
    std::size_t size() const { return end - begin; }
  };

  void parse(std::span<const std::byte> text) {
    std::vector<std::string> top_level;
    const Json json = parse_json({reinterpret_cast<const char*>(text.data()), text.size()}, path_, 16, &top_level);
    std::sort(top_level.begin(), top_level.end());
    const auto twice = std::adjacent_find(top_level.begin(), top_level.end());
    if (twice != top_level.end()) throw FileError(path_, "tensor '" + printable(*twice) + "' appears twice");
    if (!json.is_object()) throw FileError(path_, "safetensors header is not a JSON object");
    for (const auto& [name, value] : json.items()) {
      if (name == "__metadata__") {
        if (value.is_object()) fields_ = value;
        continue;
      }
      add(name, value);
    }
    check_coverage();
  }

  void add(const std::string& name, const Json& value) {
    const JsonFields fields(path_, value, printable(name));
    const auto dtype_name = fields.text("dtype");
    const auto* dtype =
        std::find_if(kDtypes.begin(), kDtypes.end(), [&](const auto& d) { return dtype_name == d.name; });
    if (dtype == kDtypes.end()) fields.fail("dtype", "F64, F32, F16, BF16, I64, I32, I16, I8, U8 or BOOL");
    Entry entry{dtype->dtype, fields.integers("shape")};
    const auto offsets = fields.integers("data_offsets");
    const auto available = static_cast<std::int64_t>(data_.size());
    if (offsets.size() != 2 || offsets[0] < 0 || offsets[0] > offsets[1] || offsets[1] > available) {
      fields.fail("data_offsets", "a range inside the " + std::to_string(available) + " bytes of data");
    }
    const auto count = checked_element_count(entry.shape);
    std::int64_t bytes = 0;
    if (count < 0 || __builtin_mul_overflow(count, static_cast<std::int64_t>(c10::elementSize(entry.dtype)), &bytes) ||
        bytes != offsets[1] - offsets[0]) {
      fields.fail("shape", "a shape that fills its " + std::to_string(offsets[1] - offsets[0]) + " bytes");
    }
    place_[name] = {static_cast<std::size_t>(offsets[0]), static_cast<std::size_t>(offsets[1])};
    entries_[name] = std::move(entry);
  }

  // The format demands that tensors follow each other without holes or overlaps to the end.
  void check_coverage() const {
    std::vector<std::pair<Place, const std::string*>> order;
    for (const auto& [name, place] : place_) order.emplace_back(place, &name);
    std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
      return std::pair(a.first.begin, a.first.end) < std::pair(b.first.begin, b.first.end);
    });
    std::size_t at = 0;
    for (const auto& [place, name] : order) {
      if (place.begin != at) {
        throw FileError(path_, "tensor '" + printable(*name) + "' begins at byte " + std::to_string(place.begin) +
                                   " of the data, expected " + std::to_string(at));
      }
      at = place.end;
    }
    if (at != data_.size()) {
      throw FileError(
          path_, "has " + std::to_string(data_.size()) + " bytes of data, but its tensors fill " + std::to_string(at));
    }
  }

  std::shared_ptr<const MappedFile> file_;
  std::span<const std::byte> data_;
  std::map<std::string, Place> place_;
};

const char* name_of(at::ScalarType dtype) {
  for (const auto& d : kDtypes) {
    if (d.dtype == dtype) return d.name;
  }
  throw Error(std::string("safetensors cannot store ") + c10::toString(dtype));
}

}  // namespace

std::shared_ptr<const TensorArchive> open_safetensors(std::shared_ptr<const MappedFile> file) {
  return std::make_shared<SafetensorsArchive>(std::move(file));
}

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::int64_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto bytes = tensor.numel() * static_cast<std::int64_t>(tensor.element_size());
    header[name] = {
        {"dtype", name_of(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  auto text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // data aligned to 8 bytes

  write_file_atomically(path, [&](std::ostream& out) {
    const std::uint64_t size = text.size();
    out.write(reinterpret_cast<const char*>(&size), sizeof size);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const auto& [name, tensor] : tensors) {
      const auto plain = tensor.cpu().contiguous();
      out.write(static_cast<const char*>(plain.data_ptr()),
                static_cast<std::streamsize>(plain.numel() * static_cast<std::int64_t>(plain.element_size())));
    }
  });
}

}  // namespace deer
