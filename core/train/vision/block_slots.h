// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace deer {

/// Blocks that look alike cannot be told apart, so the vision tower learns for each look (colour and size) where the
/// first and the second block of it are, from left (small x) to right. A third one is left out.
inline constexpr std::int64_t kSlotsPerLook = 2;

/// Names of the slots: "large_red_1", "large_red_2", "small_red_1", …, in BlockColour's order.
std::vector<std::string> block_slot_names();

/// For N frames: [N, slots, 6] float32: 1 if there is such a block, else 0, its x y z (m), and sine and cosine of four
/// times its yaw, all 0 if there is none. Blocks that have left the table count as none.
/// `blocks` [N, B, 8] as FrameStore::blocks(); frames without any have CALVIN's blocks, from `scene_obs` [N, 24].
/// Undefined if no frame has blocks: then scene_obs says everything.
at::Tensor block_slots(const at::Tensor& scene_obs, const at::Tensor& blocks);

/// Whether any frame has blocks. `blocks` as above.
bool has_blocks(const at::Tensor& blocks);

/// The slots' positions in the TCP's frame [N, slots, 3] (m), and sine and cosine of four times their yaw in it
/// [N, slots, 2]. `robot_obs` [N, 15]. Those of empty slots mean nothing.
at::Tensor places_from_tcp(const at::Tensor& robot_obs, const at::Tensor& slots);
at::Tensor yaws_from_tcp(const at::Tensor& robot_obs, const at::Tensor& slots);

}  // namespace deer
