// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/weights/tensor_archive.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "core/base/error.h"
#include "core/base/lfs_pointer.h"
#include "core/model/weights/tensor_archive_private.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTraining = "module.";

std::string training_name(std::string name) {
  constexpr std::string_view kCompiled = "_orig_mod.";
  for (auto at = name.find(kCompiled); at != std::string::npos; at = name.find(kCompiled, at)) {
    name.erase(at, kCompiled.size());
  }
  while (name.starts_with(kTraining)) name.erase(0, kTraining.size());
  return std::string(kTraining) + name;
}

// Another archive's tensors under other names.
class RenamedArchive final : public TensorArchive {
 public:
  RenamedArchive(std::shared_ptr<const TensorArchive> inside, std::map<std::string, std::string> stored_name)
      : TensorArchive(inside->path()), inside_(std::move(inside)), stored_name_(std::move(stored_name)) {
    for (const auto& [name, stored] : stored_name_) entries_[name] = inside_->entries().at(stored);
    fields_ = inside_->fields();
  }

 protected:
  at::Tensor map_tensor(const std::string& name) const override { return inside_->read(stored_name_.at(name)); }

 private:
  std::shared_ptr<const TensorArchive> inside_;
  std::map<std::string, std::string> stored_name_;
};

std::shared_ptr<const TensorArchive> open_plain_file(const fs::path& path) {
  auto file = MappedFile::open(path);
  if (file->size() == 0) throw FileError(path, "is empty, expected weights");
  const auto head = file->bytes();
  if (const auto problem = problem_of_download(head); !problem.empty()) throw FileError(path, problem);
  if (ZipArchive::looks_like_zip(head)) return open_torch_zip(ZipArchive(std::move(file)));
  // A safetensors file has '{' after its 8-byte header length.
  if (path.extension() == ".safetensors" || (head.size() > 9 && head[8] == std::byte{'{'})) {
    return open_safetensors(std::move(file));
  }
  if (head.size() > 2 && head[0] == std::byte{0x80}) {
    throw FileError(path,
                    "was written by PyTorch before 1.6 (a bare pickle), which is not supported: load it in Python and "
                    "save it again with torch.save or safetensors");
  }
  throw FileError(path, "is neither safetensors nor a torch.save file");
}

// A Hugging Face index: {"weight_map": {tensor name: file name}}. Shards open when first needed, so shards with only
// unused layers are never read.
class ShardedArchive final : public TensorArchive {
 public:
  explicit ShardedArchive(const fs::path& index) : TensorArchive(index) {
    const Json json = read_json(index);
    const JsonFields root(index, json);
    const auto map = root.object("weight_map");
    for (const auto& [name, file] : map.json().items()) {
      if (!file.is_string()) throw FileError(index, "'weight_map." + printable(name) + "' is not a file name");
      const fs::path shard = file.get<std::string>();
      if (shard.has_parent_path() || shard.empty()) {
        throw FileError(index, "'weight_map." + printable(name) + "' is '" + printable(shard.string()) +
                                   "', expected a file name in the same folder");
      }
      file_of_[name] = index.parent_path() / shard;
    }
    // Shapes are needed to check a model before building it: the directories of all shards are read,
    // their tensors are not.
    for (const auto& [name, file] : file_of_) {
      const auto& shard = open_shard(file);
      const auto it = shard.entries().find(name);
      if (it == shard.entries().end())
        throw FileError(file, "tensor '" + name + "' is missing, but the index names it");
      entries_[name] = it->second;
    }
  }

 protected:
  at::Tensor map_tensor(const std::string& name) const override { return open_shard(file_of_.at(name)).read(name); }

 private:
  const TensorArchive& open_shard(const fs::path& file) const {
    const std::lock_guard lock(mutex_);
    auto& shard = shards_[file];
    if (!shard) shard = open_plain_file(file);  // never another index, or two could refer to each other
    return *shard;
  }

  std::map<std::string, fs::path> file_of_;
  mutable std::mutex mutex_;
  mutable std::map<fs::path, std::shared_ptr<const TensorArchive>> shards_;
};

fs::path file_in_folder(const fs::path& folder) {
  for (const char* name :
       {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  throw FileError(folder,
                  "contains no weights: expected model.safetensors, model.safetensors.index.json, pytorch_model.bin or "
                  "pytorch_model.bin.index.json");
}

}  // namespace

std::shared_ptr<const TensorArchive> TensorArchive::open(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return open(file_in_folder(path));
  if (path.filename().string().ends_with(".index.json")) return std::make_shared<ShardedArchive>(path);
  return open_plain_file(path);
}

std::shared_ptr<const TensorArchive> with_training_names(std::shared_ptr<const TensorArchive> checkpoint) {
  std::map<std::string, std::string> stored_name;
  bool differs = false;
  for (const auto& [name, entry] : checkpoint->entries()) {
    const auto [place, is_new] = stored_name.emplace(training_name(name), name);
    if (!is_new) {
      throw FileError(checkpoint->path(), "tensors '" + printable(place->second) + "' and '" + printable(name) +
                                              "' are the same but for PyTorch's wrappers");
    }
    differs = differs || place->first != name;
  }
  if (!differs) return checkpoint;
  return std::make_shared<RenamedArchive>(std::move(checkpoint), std::move(stored_name));
}

at::Tensor TensorArchive::read(const std::string& name) const {
  if (!contains(name)) throw FileError(path_, "tensor '" + printable(name) + "' is missing");
  return map_tensor(name);
}

std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<std::int64_t>(shape[i], 1);
  return strides;
}

std::int64_t checked_element_count(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) return -1;
  }
  return count;
}

at::Tensor tensor_over_mapping(const std::shared_ptr<const MappedFile>& file, std::span<const std::byte> bytes,
                               at::ScalarType dtype, const std::vector<std::int64_t>& shape,
                               const std::vector<std::int64_t>& strides, std::int64_t offset) {
  const auto element = static_cast<std::int64_t>(c10::elementSize(dtype));
  auto* data = const_cast<std::byte*>(bytes.data()) + offset * element;
  const auto options = at::TensorOptions().dtype(dtype);
  if (checked_element_count(shape) == 0) return at::empty(shape, options);
  if (reinterpret_cast<std::uintptr_t>(data) % static_cast<std::uintptr_t>(element) != 0) {
    // Strided and misaligned at once does not occur in practice; copy the whole storage and view that.
    const auto count = (static_cast<std::int64_t>(bytes.size()) - offset * element) / element;
    auto copy = at::empty({count}, options);
    std::memcpy(copy.data_ptr(), data, static_cast<std::size_t>(count * element));
    return copy.as_strided(shape, strides);
  }
  // A model converted to another dtype must not keep the file's pages in memory too.
  return at::from_blob(
      data, shape, strides, [file, bytes](void*) { file->release(bytes); }, options);
}

}  // namespace deer
