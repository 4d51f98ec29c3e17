// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

namespace deer {

/// What the name of a folder ends in that holds the action heads of a model and nothing else of its network:
/// config.json and model.safetensors, for replays where the model itself is not. model_fingerprint() of such a folder
/// is the whole model's.
inline constexpr const char* kHeadsExtension = ".heads";

/// Whether a path is named like such a folder. Does not look at the disk.
inline bool holds_heads_only(const std::filesystem::path& model) { return model.extension() == kHeadsExtension; }

/// Field in the metadata of its weights: the fingerprint of the model that the heads are of.
inline constexpr const char* kHeadsOf = "heads_of";

}  // namespace deer
