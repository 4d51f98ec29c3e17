// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/model/image_preprocess.h"

namespace deer {

/// Where the model looked in one frame: the last cross-attention before an exit, mapped back through the resampler to
/// the patches of both images (see attention_rollout.h). Computed from the model's own weights. A patch is the vision
/// tower's token at that place; mixing between patches inside the tower is not unrolled.
struct AttentionMap {
  struct View {
    PictureCrop grid;            ///< area covered by the patches, in the camera's image
    std::vector<float> weights;  ///< [heads, rows, columns], rows from the top
  };

  std::int64_t frame = 0;
  int exit_layer = 0;
  int cross_layer = 0;  ///< decoder layer after the cross-attention: the last one up to the exit
  int heads = 0;        ///< of the cross-attention
  int rows = 0;
  int columns = 0;
  int tokens = 0;  ///< averaged text tokens: all that can attend to the images
  float learnt_share =
      0;  ///< share of attention on the latents' learnt initial values, mean over heads; not in the weights
  std::array<View, 2> views;  ///< static, gripper. For each head the weights of both add up to 1

  /// Weights [rows, columns] of a camera (0 static, 1 gripper): of one head, or the mean of all if `head` is -1.
  std::vector<float> weights(std::size_t view, int head) const;
};

using AttentionMapPtr = std::shared_ptr<const AttentionMap>;

}  // namespace deer
