// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/train/vision/flat_parameters.h"

namespace deer {

/// What the patches of one camera show of the blocks. A tower that must say at every patch which blocks have their
/// centre there, and where they are, learns many blocks much faster than from a reading of the whole image.
struct PatchLabels {
  /// Columns of `values`: position (m) and sine and cosine of four times the yaw.
  static constexpr std::int64_t kValues = 5;

  at::Tensor points;       ///< [N, S, 3]: image positions of the slots' blocks, see vision_points.h
  at::Tensor values;       ///< [N, S, kValues], in the camera's frame, normalised
  at::Tensor mean, scale;  ///< [kValues]

  bool defined() const { return points.defined(); }
};

/// In the world frame. `slots` as from block_slots().
PatchLabels static_camera_labels(const at::Tensor& slots);
/// In the TCP's frame.
PatchLabels gripper_camera_labels(const at::Tensor& robot_obs, const at::Tensor& slots);

std::vector<ParameterSpec> patch_reader_specs(const std::string& prefix, std::int64_t width);

/// [N, P, looks, 1 + kValues]: log odds of a block of each look (colour and size), its values. `tokens` [N, P, width].
at::Tensor read_patches(const std::map<std::string, at::Tensor>& parameters, const std::string& prefix,
                        const at::Tensor& tokens);

/// Summed over the frames. `points` [N, S, 3] and `values` [N, S, kValues] of the same frames.
at::Tensor patch_loss(const at::Tensor& read, const at::Tensor& points, const at::Tensor& values);

struct PatchErrors {
  double position_mm = 0;  ///< mean distance of visible blocks, read at their patch
  double yaw_deg = 0;      ///< mean, of 45 at most
  double missed = 0;       ///< share of visible blocks that their patch does not show
  double invented = 0;     ///< share of blocks shown that are not there
};

PatchErrors patch_errors(const at::Tensor& read, const PatchLabels& labels, const at::Tensor& frames);

}  // namespace deer
