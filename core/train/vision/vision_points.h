// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace deer {

/// Where things appear in the pictures of CALVIN's two cameras: a hint for the vision tower, which
/// learns where to look long before it could learn that from positions in the world alone. Only as
/// exact as the cameras are where CALVIN's are (see camera constants in the source).
///
/// [N, K, 3] float32: x and y of each point, -1 to 1 from left to right and from top to bottom, and 1 if it is
/// in the picture, else 0. What hides behind something counts as in the picture.
at::Tensor static_camera_points(const at::Tensor& robot_obs, const at::Tensor& scene_obs);   ///< TCP, three blocks
at::Tensor gripper_camera_points(const at::Tensor& robot_obs, const at::Tensor& scene_obs);  ///< three blocks

/// How much of each point every patch of a `side` x `side` grid holds: a bell around the point, summing
/// to 1 over the patches. `points` [B, K, 3] to [B, K, side * side].
at::Tensor patch_shares(const at::Tensor& points, std::int64_t side);

/// x and y of each patch's centre, -1 to 1: [side * side, 2].
at::Tensor patch_centers(std::int64_t side);

}  // namespace deer
