// SPDX-License-Identifier: GPL-3.0-or-later
// Finds the published files in a folder.
#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>
#include <vector>

#include "core/base/error.h"
#include "core/model/weights.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 4;             // models--org--name/snapshots/<hash>/file of a Hugging Face cache, one below
constexpr std::size_t kMostFiles = 500;  // weights files that are looked into
constexpr std::size_t kMostEntries = 20'000;  // of the folder: a dataset may have millions

// The epoch at the end of a name, "…_10.pth"; -1 if there is none.
long epoch_of(const fs::path& checkpoint) {
  const auto stem = checkpoint.stem().string();
  const auto digits = stem.find_last_not_of("0123456789") + 1;
  long epoch = -1;
  std::from_chars(stem.data() + digits, stem.data() + stem.size(), epoch);
  return epoch;
}

bool is_earlier(const fs::path& a, const fs::path& b) {
  return std::tuple(epoch_of(a), a.native()) < std::tuple(epoch_of(b), b.native());
}

void choose_checkpoint(std::vector<fs::path> found, PublishedPieces& pieces) {
  std::sort(found.begin(), found.end(), is_earlier);
  if (found.empty()) return;
  pieces.checkpoint = found.back();
  found.pop_back();
  pieces.other_checkpoints = std::move(found);
}

bool is_complete(const PublishedPieces& pieces) {
  return !pieces.clip.empty() && !pieces.llm.empty() && !pieces.flamingo.empty() && !pieces.checkpoint.empty();
}

PublishedPieces find_by_name(const fs::path& folder) {
  const auto first_of = [&](std::initializer_list<const char*> names) -> fs::path {
    std::error_code error;
    for (const char* name : names) {
      if (fs::exists(folder / name, error)) return folder / name;
    }
    return {};
  };
  PublishedPieces pieces;
  pieces.clip = first_of({"clip.pt", "ViT-L-14.pt", "open_clip_pytorch_model.bin"});
  pieces.llm = first_of({"mpt", "llm"});
  pieces.flamingo = first_of({"openflamingo.pt", "checkpoint.pt"});
  pieces.checkpoint = first_of({"model.pth", "checkpoint.pth"});
  if (pieces.checkpoint.empty()) {
    std::vector<fs::path> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".pth") found.push_back(entry.path());
    }
    choose_checkpoint(std::move(found), pieces);
  }
  return pieces;
}

bool is_weights_file(const fs::path& file) {
  constexpr std::array kExtensions = {".pt", ".pth", ".bin", ".safetensors"};
  const auto extension = file.extension();
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end() ||
         file.filename() == "pytorch_model.bin.index.json" || file.filename() == "model.safetensors.index.json";
}

std::vector<fs::path> weights_files(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  std::size_t seen = 0;
  for (auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
       !error && it != fs::recursive_directory_iterator() && out.size() < kMostFiles && seen < kMostEntries;
       it.increment(error), ++seen) {
    const auto name = it->path().filename().string();
    std::error_code unknown;
    if (it->is_directory(unknown)) {
      // The files of a cache are links into its blobs.
      if (it.depth() >= kMaxDepth || name.starts_with('.') || name == "blobs") it.disable_recursion_pending();
    } else if (is_weights_file(it->path())) {
      out.push_back(it->path());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

// By the tensors that each file holds; names are as people downloaded them.
PublishedPieces find_by_content(const fs::path& folder) {
  PublishedPieces pieces;
  std::vector<fs::path> checkpoints;
  for (const auto& file : weights_files(folder)) {
    try {
      const auto archive = with_training_names(TensorArchive::open(file));
      const auto has = [&](std::string_view name) { return archive->contains("module." + std::string(name)); };
      const auto has_any = [&](std::string_view prefix) {
        const auto begin = "module." + std::string(prefix);
        const auto first = archive->entries().lower_bound(begin);
        return first != archive->entries().end() && first->first.starts_with(begin);
      };
      if (has_any("lm_head.actions.") || has_any("lm_head.rnn.")) {
        checkpoints.push_back(file);
      } else if (has("perceiver.latents")) {
        if (pieces.flamingo.empty()) pieces.flamingo = file;
      } else if (has("visual.conv1.weight")) {
        if (pieces.clip.empty()) pieces.clip = file;
      } else if (has("transformer.wte.weight") && pieces.llm.empty()) {
        pieces.llm = file.parent_path();
      }
    } catch (const Error&) {
      // Not weights, or damaged: another file may serve.
    }
  }
  choose_checkpoint(std::move(checkpoints), pieces);
  return pieces;
}

}  // namespace

std::optional<PublishedPieces> find_published_pieces(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return std::nullopt;
  auto pieces = find_by_name(folder);
  if (!is_complete(pieces)) pieces = find_by_content(folder);
  return is_complete(pieces) ? std::optional(std::move(pieces)) : std::nullopt;
}

}  // namespace deer
