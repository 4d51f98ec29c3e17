// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/model/multi_exit_model.h"

namespace deer {

struct LoadOptions {
  std::string device = "auto";
  std::string dtype = "auto";
  std::optional<int> max_layer;  ///< load layers below this one; the rest is never read
  ModelParts parts = ModelParts::whole;
  /// done and total parameters; called often.
  std::function<void(std::int64_t done, std::int64_t total)> progress;
  std::stop_token stop;
};

struct LoadedModel {
  std::unique_ptr<MultiExitModel> model;
  std::int64_t parameters = 0;
  std::int64_t weight_bytes = 0;
  std::vector<std::string> unused;  ///< tensors in the files that the network does not use, without surplus layers
  double load_ms = 0;
};

/// Configuration and weights of a model folder.
struct ModelFiles {
  ModelConfig config;
  std::shared_ptr<const WeightSource> weights;
  std::filesystem::path tokenizer{};  ///< beside the language model; empty: in the usual places of the folder
  std::string note{};  ///< what was chosen, in words ("checkpoint …_10.pth, not …_9.pth"); mostly empty
};

/// Detects the contents of `path`: a folder with config.json and model.safetensors (or shards), or a folder with the
/// published files, with or without config.json. Throws FileError.
ModelFiles open_model_files(const std::filesystem::path& path);

/// The same, but from the published files even if there is a merged file next to them.
ModelFiles open_published_model(const std::filesystem::path& folder);

/// Builds the network on the device. Throws FileError, OutOfMemory or Cancelled.
LoadedModel load_model(const ModelFiles& files, const LoadOptions& options = {});

/// Reads everything and writes DIR/model.safetensors and DIR/config.json, with numbers as stored or rounded to `dtype`.
/// Throws FileError.
void convert_model(const ModelFiles& files, const std::filesystem::path& folder,
                   std::optional<at::ScalarType> dtype = {},
                   const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace deer
