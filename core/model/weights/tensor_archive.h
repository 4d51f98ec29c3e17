// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/json_file.h"

namespace deer {

/// Named tensors in a file, read without copying: safetensors, a safetensors or PyTorch shard index,
/// a torch.save file (.pt, .pth, .bin: the zip format), or a TorchScript archive such as OpenAI's CLIP.
/// No code in a file is ever executed. Only the directory is read at opening; a tensor's bytes are read
/// from the mapped file when they are used. Immutable, may be used from several threads.
class TensorArchive {
 public:
  struct Entry {
    at::ScalarType dtype;
    std::vector<std::int64_t> shape;
  };

  /// Recognises the format by content. A folder stands for its model.safetensors,
  /// model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json.
  /// Throws FileError.
  static std::shared_ptr<const TensorArchive> open(const std::filesystem::path& path);

  virtual ~TensorArchive() = default;

  /// All tensors by name. A torch.save dictionary with a `model_state_dict` (or `state_dict`) shows the
  /// tensors of that dictionary by their own names; tensors at its top level are listed as well.
  const std::map<std::string, Entry>& entries() const { return entries_; }
  bool contains(const std::string& name) const { return entries_.contains(name); }

  /// The tensor on the CPU, in its stored dtype. Its memory is the read-only mapping: clone it
  /// before writing. Throws FileError if it is missing.
  at::Tensor read(const std::string& name) const;

  /// Plain values next to the tensors: a training checkpoint's top-level numbers and texts, integers
  /// of a TorchScript archive, or a safetensors file's __metadata__. An object.
  const Json& fields() const { return fields_; }
  const std::filesystem::path& path() const { return path_; }

 protected:
  explicit TensorArchive(std::filesystem::path path) : path_(std::move(path)) {}
  virtual at::Tensor map_tensor(const std::string& name) const = 0;

  std::filesystem::path path_;
  std::map<std::string, Entry> entries_;
  Json fields_ = Json::object();
};

/// The tensors of a training checkpoint under the names that DeeR's training gives them, "module.…": wrappers of
/// PyTorch ("module.", "_orig_mod." of torch.compile) are taken off wherever they are. Throws FileError if two tensors
/// then have the same name.
std::shared_ptr<const TensorArchive> with_training_names(std::shared_ptr<const TensorArchive> checkpoint);

/// Field with the original name of a torch.save file (without extension).
inline constexpr const char* kSavedName = "saved_name";

/// Writes tensors as one safetensors file, in name order, through a temporary file and a rename.
/// `metadata` holds texts for __metadata__. Throws FileError.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace deer
