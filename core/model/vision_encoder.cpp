// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/vision_encoder.h"

#include <cmath>

#include "core/model/torch_compat.h"

namespace deer {

VisionEncoder::VisionEncoder(const VisionConfig& config, WeightBinder& weights, const std::string& prefix)
    : config_(config) {
  const auto width = config.width;
  conv_weight_ = weights.take(prefix + "conv1.weight", {width, 3, config.patch_size, config.patch_size});
  class_embedding_ = weights.take(prefix + "class_embedding", {width});
  positional_embedding_ = weights.take(prefix + "positional_embedding", {config.patches() + 1, width});
  ln_pre_weight_ = weights.take(prefix + "ln_pre.weight", {width});
  ln_pre_bias_ = weights.take(prefix + "ln_pre.bias", {width});
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const auto name = prefix + "transformer.resblocks." + std::to_string(i) + ".";
    Block b;
    b.ln_1_weight = weights.take(name + "ln_1.weight", {width});
    b.ln_1_bias = weights.take(name + "ln_1.bias", {width});
    b.in_proj_weight = weights.take(name + "attn.in_proj_weight", {3 * width, width});
    b.in_proj_bias = weights.take(name + "attn.in_proj_bias", {3 * width});
    b.out_proj_weight = weights.take(name + "attn.out_proj.weight", {width, width});
    b.out_proj_bias = weights.take(name + "attn.out_proj.bias", {width});
    b.ln_2_weight = weights.take(name + "ln_2.weight", {width});
    b.ln_2_bias = weights.take(name + "ln_2.bias", {width});
    b.fc_weight = weights.take(name + "mlp.c_fc.weight", {config.mlp_width, width});
    b.fc_bias = weights.take(name + "mlp.c_fc.bias", {config.mlp_width});
    b.proj_weight = weights.take(name + "mlp.c_proj.weight", {width, config.mlp_width});
    b.proj_bias = weights.take(name + "mlp.c_proj.bias", {width});
    blocks_.push_back(std::move(b));
  }
  // CLIP's own embedding is optional: policies do not use it.
  if (weights.offers(prefix + "ln_post.weight") && weights.offers(prefix + "proj")) {
    ln_post_weight_ = weights.take(prefix + "ln_post.weight", {width});
    ln_post_bias_ = weights.take(prefix + "ln_post.bias", {width});
    const auto embed = weights.shape_of(prefix + "proj");
    projection_ = weights.take(prefix + "proj", {width, embed.size() == 2 ? embed[1] : width});
  }
}

VisionEncoder::Output VisionEncoder::forward(const at::Tensor& images, bool with_pooled) const {
  const auto count = images.size(0);
  auto x = at::conv2d(images.to(conv_weight_.dtype()), conv_weight_, {}, {config_.patch_size, config_.patch_size});
  x = x.flatten(2).transpose(1, 2);  // [N, patches, width]
  const auto class_token = class_embedding_.view({1, 1, -1}).expand({count, 1, config_.width});
  x = at::cat({class_token, x}, 1) + positional_embedding_;
  x = layer_norm(x, ln_pre_weight_, ln_pre_bias_);
  for (const Block& block : blocks_) x = forward_block(block, x);

  Output out;
  out.tokens = x.slice(1, 1);
  if (with_pooled && projection_.defined()) {
    out.pooled = at::matmul(layer_norm(x.select(1, 0), ln_post_weight_, ln_post_bias_), projection_);
  }
  return out;
}

at::Tensor VisionEncoder::forward_block(const Block& b, const at::Tensor& x) const {
  const auto qkv = at::linear(layer_norm(x, b.ln_1_weight, b.ln_1_bias), b.in_proj_weight, b.in_proj_bias).chunk(3, -1);
  const auto heads = config_.heads;
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.width / heads));
  const auto mixed =
      attention(split_heads(qkv[0], heads), split_heads(qkv[1], heads), split_heads(qkv[2], heads), scale);
  const auto y = x + at::linear(merge_heads(mixed), b.out_proj_weight, b.out_proj_bias);
  auto hidden = at::linear(layer_norm(y, b.ln_2_weight, b.ln_2_bias), b.fc_weight, b.fc_bias);
  hidden = config_.quick_gelu ? hidden * at::sigmoid(1.702 * hidden) : at::gelu(hidden);
  return y + at::linear(hidden, b.proj_weight, b.proj_bias);
}

}  // namespace deer
