// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "core/model/weights.h"

namespace deer {

/// OpenFlamingo's Perceiver resampler: learned latents attend to one camera's patch tokens
///. One set of weights serves both cameras. Const and thread-safe.
class PerceiverResampler {
 public:
  PerceiverResampler(const PerceiverConfig& config, WeightBinder& weights, const std::string& prefix = "perceiver.");

  /// [N, patches, dim] to [N, latents, dim]. With `attention`, adds each layer's weights to it, computed separately
  /// from the forward pass, which is unchanged to the last bit: [N, heads, latents, patches + latents], float32, the
  /// softmax over the patches and then the latents.
  at::Tensor forward(const at::Tensor& tokens, std::vector<at::Tensor>* attention = nullptr) const;

 private:
  struct Layer {
    at::Tensor norm_media_weight, norm_media_bias, norm_latents_weight, norm_latents_bias, to_q, to_kv, to_out;
    at::Tensor ff_norm_weight, ff_norm_bias, ff_up, ff_down;
  };

  PerceiverConfig config_;
  at::Tensor latents_, norm_weight_, norm_bias_;
  std::vector<Layer> layers_;
};

}  // namespace deer
