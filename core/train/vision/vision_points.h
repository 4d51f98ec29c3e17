// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace deer {

/// Image positions of objects in CALVIN's two cameras: a hint for the vision tower, which learns much faster where to
/// look than from positions in the world only. Exact only if the cameras are placed as CALVIN's (see the constants in
/// the source).
///
/// [N, K, 3] float32: x and y of each point, -1 to 1 from left to right and from top to bottom, and 1 if it is
/// in the image, otherwise 0. Occluded points count as in the image.
///
/// TCP, three blocks.
at::Tensor static_camera_points(const at::Tensor& robot_obs, const at::Tensor& scene_obs);
/// Three blocks.
at::Tensor gripper_camera_points(const at::Tensor& robot_obs, const at::Tensor& scene_obs);

/// The same of the slots' blocks; empty slots are not in the image. `slots` as from block_slots().
at::Tensor static_camera_slot_points(const at::Tensor& slots);
at::Tensor gripper_camera_slot_points(const at::Tensor& robot_obs, const at::Tensor& slots);

/// Weight of each patch of a `side` x `side` grid for each point: a Gaussian around the point, summing to 1 over the
/// patches. `points` [B, K, 3] to [B, K, side * side].
at::Tensor patch_shares(const at::Tensor& points, std::int64_t side);

/// x and y of each patch's centre, -1 to 1: [side * side, 2].
at::Tensor patch_centers(std::int64_t side);

}  // namespace deer
