// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/perceiver_resampler.h"

#include <cmath>

#include "core/model/torch_compat.h"

namespace deer {

PerceiverResampler::PerceiverResampler(const PerceiverConfig& config, WeightBinder& weights, const std::string& prefix)
    : config_(config) {
  const auto dim = config.dim;
  const auto inner = config.heads * config.dim_head;
  latents_ = weights.take(prefix + "latents", {config.latents, dim});
  for (std::int64_t i = 0; i < config.depth; ++i) {
    const auto attn = prefix + "layers." + std::to_string(i) + ".0.";
    const auto ff = prefix + "layers." + std::to_string(i) + ".1.";
    Layer l;
    l.norm_media_weight = weights.take(attn + "norm_media.weight", {dim});
    l.norm_media_bias = weights.take(attn + "norm_media.bias", {dim});
    l.norm_latents_weight = weights.take(attn + "norm_latents.weight", {dim});
    l.norm_latents_bias = weights.take(attn + "norm_latents.bias", {dim});
    l.to_q = weights.take(attn + "to_q.weight", {inner, dim});
    l.to_kv = weights.take(attn + "to_kv.weight", {2 * inner, dim});
    l.to_out = weights.take(attn + "to_out.weight", {dim, inner});
    l.ff_norm_weight = weights.take(ff + "0.weight", {dim});
    l.ff_norm_bias = weights.take(ff + "0.bias", {dim});
    l.ff_up = weights.take(ff + "1.weight", {config.ff_mult * dim, dim});
    l.ff_down = weights.take(ff + "3.weight", {dim, config.ff_mult * dim});
    layers_.push_back(std::move(l));
  }
  norm_weight_ = weights.take(prefix + "norm.weight", {dim});
  norm_bias_ = weights.take(prefix + "norm.bias", {dim});
}

at::Tensor PerceiverResampler::forward(const at::Tensor& tokens, std::vector<at::Tensor>* weights) const {
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.dim_head));
  auto latents = latents_.unsqueeze(0).expand({tokens.size(0), config_.latents, config_.dim});
  for (const Layer& l : layers_) {
    const auto media = layer_norm(tokens, l.norm_media_weight, l.norm_media_bias);
    const auto queries = layer_norm(latents, l.norm_latents_weight, l.norm_latents_bias);
    const auto q = at::linear(queries, l.to_q);
    const auto kv = at::linear(at::cat({media, queries}, 1), l.to_kv).chunk(2, -1);
    if (weights) {
      weights->push_back(attention_weights(split_heads(q, config_.heads), split_heads(kv[0], config_.heads), scale));
    }
    const auto mixed = attention(split_heads(q, config_.heads), split_heads(kv[0], config_.heads),
                                 split_heads(kv[1], config_.heads), scale);
    latents = latents + at::linear(merge_heads(mixed), l.to_out);
    const auto hidden = at::gelu(at::linear(layer_norm(latents, l.ff_norm_weight, l.ff_norm_bias), l.ff_up));
    latents = latents + at::linear(hidden, l.ff_down);
  }
  return layer_norm(latents, norm_weight_, norm_bias_);
}

}  // namespace deer
