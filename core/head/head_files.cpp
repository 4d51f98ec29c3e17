// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/head/head_files.h"

#include <c10/util/hash.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/model/heads_folder.h"
#include "core/model/model_fingerprint.h"
#include "core/model/model_loader.h"
#include "core/model/weights/tensor_archive.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHashDigits = 40;

constexpr const char* kConfigFile = "config.json";
constexpr const char* kWeightsFile = "model.safetensors";

// In the model's folder, or beside it if it names the model's fingerprint.
std::optional<fs::path> calibration_of(const fs::path& folder, const std::string& fingerprint) {
  std::error_code ignored;
  if (auto set = folder / kCalibrationFile; fs::is_regular_file(set, ignored)) return set;
  auto beside = fs::absolute(folder, ignored).lexically_normal();
  if (!beside.has_filename()) beside = beside.parent_path();
  beside = beside.parent_path() / kCalibrationFile;
  if (fingerprint.empty() || !fs::is_regular_file(beside, ignored)) return std::nullopt;
  try {
    const auto set = TensorArchive::open(beside);
    const auto hash = set->fields().find("model_hash");
    if (hash != set->fields().end() && *hash == fingerprint) return beside;
  } catch (const Error&) {
    // What lies there need not have to do with the model.
  }
  return std::nullopt;
}

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.size()};
}

std::string hash_of(std::string_view bytes) {
  BlockHash hash(static_cast<std::int64_t>(bytes.size()));
  hash.add(bytes);
  return hash.finish();
}

// A folder of its own among the temporary files, gone at the end with what is in it.
class ScratchFolder {
 public:
  ScratchFolder() {
    auto name = (fs::temp_directory_path() / "deer-heads-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw FileError(name, "cannot be created");
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void write_heads(const ModelFiles& files, const fs::path& folder, const std::string& fingerprint) {
  LoadOptions options;
  options.device = "cpu";
  options.parts = ModelParts::heads;
  load_model(files, options);  // checks that none is missing
  std::map<std::string, at::Tensor> tensors;
  for (const auto& name : files.weights->names()) {
    if (!name.starts_with("lm_exit_modules.") && !name.starts_with("lm_head.") && !name.starts_with("extra_exit.")) {
      continue;
    }
    if (auto tensor = files.weights->find(name)) tensors[name] = std::move(*tensor);  // numbers as stored
  }
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  if (!fingerprint.empty()) metadata[kHeadsOf] = fingerprint;
  write_safetensors(folder / kWeightsFile, tensors, metadata);
  write_file_atomically(folder / kConfigFile, to_json(files.config).dump(1) + "\n");
}

}  // namespace

bool is_head_file(std::string_view name) {
  const std::array<std::string_view, 4> names = {kCalibrationFile, kConfigFile, kGateFile, kWeightsFile};
  return std::find(names.begin(), names.end(), name) != names.end();
}

void BlockHash::add(std::string_view bytes) {
  size_ += static_cast<std::int64_t>(bytes.size());
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, kHeadBlock - block_.size());
    block_ += piece;
    bytes.remove_prefix(piece.size());
    if (block_.size() == kHeadBlock) end_block();
  }
}

void BlockHash::end_block() {
  lines_ += c10::sha1(block_).str();
  block_.clear();
}

std::string BlockHash::finish() {
  if (!block_.empty()) end_block();
  return c10::sha1(lines_).str();
}

std::string block_hash(const fs::path& file) { return hash_of(text_of(*MappedFile::open(file))); }

std::string head_fingerprint(std::span<const HeadFile> files) {
  std::string lines;
  for (const auto& file : files) lines += file.name + " " + std::to_string(file.size) + " " + file.hash + "\n";
  return c10::sha1(lines).str();
}

void check_head_files(std::span<const HeadFile> files) {
  const auto fail = [](const std::string& field, const std::string& found, const std::string& expected) {
    throw Error("head." + field + ": found " + found + ", expected " + expected);
  };
  std::int64_t total = 0;
  std::string_view previous;
  for (const auto& [name, size, hash] : files) {
    const auto shown = "'" + printable(name, 80) + "'";
    if (!is_head_file(name)) fail("files.name", shown, "config.json, model.safetensors, a gate or a calibration set");
    if (name <= previous) fail("files.name", shown + " after '" + std::string(previous) + "'", "ascending names");
    previous = name;
    if (size < 1 || size > kMostHeadBytes || (total += size) > kMostHeadBytes) {
      fail("files.size", std::to_string(size) + " bytes for " + name,
           "1 to " + std::to_string(kMostHeadBytes) + " bytes for all together");
    }
    const bool digits =
        std::all_of(hash.begin(), hash.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (hash.size() != kHashDigits || !digits) {
      fail("files.hash", "'" + printable(hash, 80) + "'", "40 hexadecimal digits");
    }
  }
  for (const auto* needed : {kConfigFile, kWeightsFile}) {
    if (std::none_of(files.begin(), files.end(), [&](const HeadFile& file) { return file.name == needed; })) {
      fail("files", "no " + std::string(needed), "one");
    }
  }
}

std::shared_ptr<const HeadFiles> HeadFiles::of_model(const fs::path& model, const std::string& fingerprint) {
  std::error_code ignored;
  const auto folder = fs::is_directory(model, ignored) ? model : model.parent_path();
  const ScratchFolder scratch;
  write_heads(open_model_files(model), scratch.path(), fingerprint);
  std::vector<fs::path> files = {scratch.path() / kConfigFile, scratch.path() / kWeightsFile};
  if (const auto gate = folder / kGateFile; fs::is_regular_file(gate, ignored)) files.push_back(gate);
  if (const auto set = calibration_of(folder, fingerprint)) {
    if (static_cast<std::int64_t>(fs::file_size(*set, ignored)) <= kMostHeadExtra) files.push_back(*set);
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.filename() < b.filename(); });

  std::shared_ptr<HeadFiles> out(new HeadFiles);
  for (const auto& path : files) {
    auto file = MappedFile::open(path);
    out->list_.push_back({path.filename().string(), static_cast<std::int64_t>(file->size()), hash_of(text_of(*file))});
    out->contents_.push_back(std::move(file));
  }
  try {
    check_head_files(out->list_);
  } catch (const Error& error) {
    throw FileError(model, std::string("its action heads cannot be sent: ") + error.what());
  }
  out->fingerprint_ = head_fingerprint(out->list_);
  return out;
}

std::string_view HeadFiles::block(std::size_t index, std::int64_t offset) const {
  const auto bytes = text_of(*contents_.at(index));
  if (offset < 0 || static_cast<std::size_t>(offset) >= bytes.size()) return {};
  return bytes.substr(static_cast<std::size_t>(offset), kHeadBlock);
}

}  // namespace deer
