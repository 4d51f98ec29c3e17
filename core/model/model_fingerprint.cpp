// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/model_fingerprint.h"

#include <c10/util/hash.h>

#include <map>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/model/heads_folder.h"
#include "core/model/weights/tensor_archive.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHashedWhole = std::size_t{64} << 20;
constexpr std::size_t kHashedBlock = std::size_t{64} << 10;
constexpr std::size_t kHashedBlocks = 1024;

bool makes_the_model(const std::string& name) {
  if (name == kCalibrationFile || name == kGateFile) return false;
  for (const char* ending : {".safetensors", ".pth", ".pt", ".bin", ".index.json"}) {
    if (name.ends_with(ending)) return true;
  }
  return name == "config.json";
}

std::string hash_of_file(const fs::path& path) {
  const auto file = MappedFile::open(path);
  const auto* data = reinterpret_cast<const char*>(file->bytes().data());
  if (file->size() <= kHashedWhole) return c10::sha1(std::string(data, file->size())).str();
  std::string blocks;
  blocks.reserve(kHashedBlocks * kHashedBlock);
  for (std::size_t k = 0; k < kHashedBlocks; ++k) {
    blocks.append(data + k * (file->size() - kHashedBlock) / (kHashedBlocks - 1), kHashedBlock);
  }
  return c10::sha1(blocks).str();
}

// Empty if they do not say.
std::string model_of_heads(const fs::path& folder) {
  const auto archive = TensorArchive::open(folder / "model.safetensors");
  const auto& fields = archive->fields();
  const auto found = fields.find(kHeadsOf);
  return found != fields.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string model_fingerprint(const fs::path& model) {
  if (holds_heads_only(model)) {
    if (auto whole = model_of_heads(model); !whole.empty()) return whole;
  }
  std::map<std::string, fs::path> files;
  std::error_code error;
  if (fs::is_directory(model, error)) {
    for (auto it = fs::recursive_directory_iterator(model, error); !error && it != fs::recursive_directory_iterator();
         it.increment(error)) {
      if (it.depth() >= 1) it.disable_recursion_pending();
      const bool counts = makes_the_model(it->path().filename().string()) && it->is_regular_file(error);
      if (counts) files[it->path().lexically_relative(model).generic_string()] = it->path();
    }
    if (error) throw FileError(model, "cannot be listed: " + error.message());
  } else {
    files[model.filename().string()] = model;
  }
  if (files.empty()) throw FileError(model, "contains no model files");
  std::string lines;
  for (const auto& [name, path] : files) {
    lines += name + " " + std::to_string(fs::file_size(path)) + " " + hash_of_file(path) + "\n";
  }
  return c10::sha1(lines).str();
}

}  // namespace deer
