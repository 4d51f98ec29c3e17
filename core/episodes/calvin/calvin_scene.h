// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/episodes/calvin/calvin_annotations.h"
#include "core/episodes/scene_block.h"

namespace deer {

/// Colours of the three blocks in the order of scene_obs. CALVIN's scenes A and C list them in another order than D.
using CalvinBlockOrder = std::array<BlockColour, 3>;
inline constexpr CalvinBlockOrder kStandardBlockOrder = {BlockColour::red, BlockColour::blue, BlockColour::pink};

/// The order in a scene of CALVIN's ("calvin_scene_A" to "…_D"); empty for other names.
std::optional<CalvinBlockOrder> calvin_block_order(std::string_view scene);

/// The order that a list of block names or files gives ("blocks/block_pink_small.urdf", …). Empty unless each of the
/// three colours is there once.
std::optional<CalvinBlockOrder> calvin_block_order(std::span<const std::string> blocks);

/// Frames of one scene, from scene_info.npy.
struct CalvinSceneFrames {
  std::string scene;
  FrameIds frames;
};

/// Contents of scene_info.npy; entries that are no stretch of frames are described in `warnings`. Throws FileError.
std::vector<CalvinSceneFrames> read_calvin_scenes(const std::filesystem::path& path,
                                                  std::vector<std::string>& warnings);

/// The three blocks of a scene_obs.
std::vector<SceneBlock> calvin_blocks(const std::array<double, 24>& scene_obs, const CalvinBlockOrder& order);

/// `scene_obs` with its blocks in the standard order, as everything expects that does not look at the scene.
std::array<double, 24> in_standard_order(std::array<double, 24> scene_obs, const CalvinBlockOrder& order);

}  // namespace deer
