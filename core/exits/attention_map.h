// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/model/image_preprocess.h"

namespace deer {

/// Where the model looked in one frame: the cross-attention that an exit saw last, brought back through the resampler
/// to the patches of both pictures (attention_rollout.h says how). Made from the model's own weights. A patch is the
/// vision tower's token at that place; what the tower itself mixed between patches is not unrolled.
struct AttentionMap {
  struct View {
    PictureCrop grid;            ///< what the patches tile, in the camera's picture
    std::vector<float> weights;  ///< [heads, rows, columns], rows from the top
  };

  std::int64_t frame = 0;
  int exit_layer = 0;
  int cross_layer = 0;  ///< the decoder layer that the cross-attention stands before: the last one up to the exit
  int heads = 0;        ///< of the cross-attention
  int rows = 0;
  int columns = 0;
  int tokens = 0;  ///< text tokens that were averaged: all that may look at the pictures
  float learnt_share =
      0;  ///< of the attention, mean over heads, on latents' learnt beginnings; left out of the weights
  std::array<View, 2> views;  ///< static, gripper. For each head the weights of both add up to 1

  /// Weights [rows, columns] of a camera (0 static, 1 gripper): of one head, or the mean of all if `head` is -1.
  std::vector<float> weights(std::size_t view, int head) const;
};

using AttentionMapPtr = std::shared_ptr<const AttentionMap>;

}  // namespace deer
