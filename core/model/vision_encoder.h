// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "core/model/weights.h"

namespace deer {

/// CLIP's image tower, up to the last block. Stateless after
/// construction; forward is const and thread-safe.
class VisionEncoder {
 public:
  struct Output {
    at::Tensor tokens;  ///< [N, patches, width]: patch tokens of the last block; no ln_post, no projection
    at::Tensor pooled;  ///< [N, embed_dim]: CLIP's own image embedding; undefined unless requested
  };

  /// `prefix` is "vision_encoder.visual." in an assembled model, "visual." in a CLIP file.
  VisionEncoder(const VisionConfig& config, WeightBinder& weights, const std::string& prefix);

  /// `images` [N, 3, image_size, image_size], normalised with CLIP's mean and std.
  /// `with_pooled` needs ln_post and proj, which DeeR's policy does not use.
  Output forward(const at::Tensor& images, bool with_pooled = false) const;

 private:
  struct Block {
    at::Tensor ln_1_weight, ln_1_bias, in_proj_weight, in_proj_bias, out_proj_weight, out_proj_bias;
    at::Tensor ln_2_weight, ln_2_bias, fc_weight, fc_bias, proj_weight, proj_bias;
  };

  at::Tensor forward_block(const Block& block, const at::Tensor& x) const;

  VisionConfig config_;
  at::Tensor conv_weight_, class_embedding_, positional_embedding_, ln_pre_weight_, ln_pre_bias_;
  at::Tensor ln_post_weight_, ln_post_bias_, projection_;
  std::vector<Block> blocks_;
};

}  // namespace deer
