// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

#include "core/model/vision_encoder.h"
#include "core/train/vision/flat_parameters.h"

namespace deer {

inline constexpr const char* kVisionPrefix = "vision_encoder.visual.";

/// The tower's parameters under the model's names, initialised as CLIP's.
std::vector<ParameterSpec> vision_tower_specs(const VisionConfig& config);

/// A tower on these tensors; those already in `dtype` are shared, not copied. Throws FileError naming
/// `source` if they do not match the configuration.
VisionEncoder make_vision_tower(const VisionConfig& config, const std::map<std::string, at::Tensor>& tensors,
                                at::ScalarType dtype, const std::filesystem::path& source = "vision tower");

/// A frozen tower and its identity.
struct SavedTower {
  VisionConfig config;
  std::map<std::string, at::Tensor> tensors;    ///< float32, by the model's names
  std::map<std::string, at::Tensor> resampler;  ///< trained together with the tower; may be empty
  std::uint64_t hash = 0;                       ///< of the tower's configuration and weights

  VisionEncoder encoder(at::ScalarType dtype = at::kFloat) const { return make_vision_tower(config, tensors, dtype); }
};

/// Copies the tower, and the resampler if present, from a model's parameters. Throws
/// FileError naming `source` if they do not match the configuration.
SavedTower freeze_vision_tower(const VisionConfig& config, const std::map<std::string, at::Tensor>& tensors,
                               const std::filesystem::path& source = "vision tower");

/// Writes the tower as safetensors; the configuration is stored in the metadata. Throws FileError.
void save_vision_tower(const std::filesystem::path& path, const VisionConfig& config,
                       const std::map<std::string, at::Tensor>& tensors,
                       std::map<std::string, std::string> metadata = {});

/// Reads a file from save_vision_tower(). Throws FileError naming what is missing or does not match.
SavedTower load_vision_tower(const std::filesystem::path& path);

}  // namespace deer
