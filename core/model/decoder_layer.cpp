// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/decoder_layer.h"

#include <cmath>
#include <limits>

#include "core/model/torch_compat.h"

namespace deer {

std::vector<double> alibi_slopes(DecoderFamily family, std::int64_t heads, double bias_max) {
  const auto slope = [bias_max](std::int64_t h, std::int64_t count) {
    return std::exp2(-bias_max * static_cast<double>(h + 1) / static_cast<double>(count));
  };
  std::vector<double> out;
  std::int64_t power = 1;
  while (power < heads) power *= 2;
  if (family == DecoderFamily::mpt_1b || power == heads) {
    for (std::int64_t h = 0; h < heads; ++h) out.push_back(slope(h, heads));
    return out;
  }
  for (std::int64_t h = 1; h < power; h += 2) out.push_back(slope(h, power));
  for (std::int64_t h = 0; h < power; h += 2) out.push_back(slope(h, power));
  out.resize(static_cast<std::size_t>(heads));
  return out;
}

TextContext make_text_context(const DecoderConfig& config, const TokenIds& tokens, const at::Tensor& input_ids,
                              const at::Tensor& attention_mask, at::ScalarType dtype) {
  const auto device = input_ids.device();
  const auto length = input_ids.size(1);
  TextContext out;

  const auto slopes = alibi_slopes(config.family, config.heads, config.alibi_bias_max);
  const auto slope = at::tensor(slopes, at::dtype(at::kFloat).device(device)).view({1, config.heads, 1, 1});
  // Relative to the last position: a constant per query, so the softmax is the same.
  const auto distance = at::arange(1 - length, 1, at::dtype(at::kFloat).device(device)).view({1, 1, 1, length});
  const auto future =
      at::ones({length, length}, at::dtype(at::kBool).device(device)).triu(1).view({1, 1, length, length});
  auto bias = (slope * distance).expand({1, config.heads, length, length});
  const auto padding = attention_mask.eq(0);
  auto hidden = future;
  if (padding.any().item<bool>()) hidden = at::logical_or(future, padding.view({padding.size(0), 1, 1, length}));
  const double lowest = dtype == at::kHalf ? -65504.0 : static_cast<double>(std::numeric_limits<float>::lowest());
  out.attention_bias = bias.masked_fill(hidden, lowest).to(dtype);
  if (dtype == at::kBFloat16) {
    // The smallest float rounds to -inf in bfloat16; harmless, since a row is never fully masked.
    out.attention_bias = out.attention_bias.clamp_min(-3.38e38);
  }

  const auto images_before = input_ids.eq(tokens.image).cumsum(1);
  const auto may_attend = images_before.eq(1);
  if (!may_attend.all().item<bool>()) {
    out.media_mask = may_attend.logical_not().view({input_ids.size(0), 1, length, 1});
    out.media_free = images_before.eq(0).view({input_ids.size(0), 1, length, 1});
  }
  return out;
}

GatedCrossAttention::GatedCrossAttention(const CrossAttentionConfig& config, std::int64_t d_model,
                                         std::int64_t media_dim, WeightBinder& weights, const std::string& prefix)
    : config_(config) {
  const auto inner = config.heads * config.dim_head;
  norm_weight_ = weights.take(prefix + "attn.norm.weight", {d_model});
  norm_bias_ = weights.take(prefix + "attn.norm.bias", {d_model});
  to_q_ = weights.take(prefix + "attn.to_q.weight", {inner, d_model});
  to_kv_ = weights.take(prefix + "attn.to_kv.weight", {2 * inner, media_dim});
  to_out_ = weights.take(prefix + "attn.to_out.weight", {d_model, inner});
  attn_gate_ = weights.take(prefix + "attn_gate", {1});
  ff_norm_weight_ = weights.take(prefix + "ff.0.weight", {d_model});
  ff_norm_bias_ = weights.take(prefix + "ff.0.bias", {d_model});
  ff_up_ = weights.take(prefix + "ff.1.weight", {config.ff_mult * d_model, d_model});
  ff_down_ = weights.take(prefix + "ff.3.weight", {d_model, config.ff_mult * d_model});
  ff_gate_ = weights.take(prefix + "ff_gate", {1});
}

at::Tensor GatedCrossAttention::forward(const at::Tensor& text, const at::Tensor& media,
                                        const TextContext& context) const {
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.dim_head));
  const auto q = split_heads(at::linear(layer_norm(text, norm_weight_, norm_bias_), to_q_), config_.heads);
  const auto kv = at::linear(media, to_kv_).chunk(2, -1);
  const auto k = split_heads(kv[0], config_.heads);
  const auto v = split_heads(kv[1], config_.heads);
  at::Tensor mixed;
  if (context.media_mask.defined() || context.hidden_media.defined()) {
    // A fully masked row becomes uniform, as in the original, which then silences only the tokens
    // before the first <image>.
    auto scores = at::matmul(q * scale, k.transpose(-2, -1));
    if (context.media_mask.defined()) scores = scores.masked_fill(context.media_mask, -1e4);
    if (context.hidden_media.defined()) {
      scores = scores.masked_fill(context.hidden_media, -std::numeric_limits<double>::infinity());
    }
    auto weights = at::softmax(scores, -1);
    if (context.media_free.defined()) weights = weights.masked_fill(context.media_free, 0.0);
    if (context.hidden_media.defined()) weights = weights.masked_fill(context.hidden_media, 0.0);
    mixed = at::matmul(weights, v);
  } else {
    mixed = attention(q, k, v, scale);
  }
  const auto x = text + at::linear(merge_heads(mixed), to_out_) * at::tanh(attn_gate_);
  const auto hidden = at::gelu(at::linear(layer_norm(x, ff_norm_weight_, ff_norm_bias_), ff_up_));
  return x + at::linear(hidden, ff_down_) * at::tanh(ff_gate_);
}

at::Tensor GatedCrossAttention::attention_weights(const at::Tensor& text, const at::Tensor& media,
                                                  const TextContext& context) const {
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.dim_head));
  const auto q = split_heads(at::linear(layer_norm(text, norm_weight_, norm_bias_), to_q_), config_.heads);
  const auto k = split_heads(at::linear(media, to_kv_.narrow(0, 0, to_q_.size(0))), config_.heads);
  const auto weights = deer::attention_weights(q, k, scale, context.media_mask);
  return context.media_free.defined() ? weights.masked_fill(context.media_free, 0.0) : weights;
}

DecoderLayer::DecoderLayer(const ModelConfig& config, std::int64_t index, WeightBinder& weights)
    : config_(config.decoder) {
  const auto block = "lang_encoder.transformer.blocks." + std::to_string(index) + ".";
  const auto d = config_.d_model;
  if (config.cross_attention.before_layer(index)) {
    cross_attention_.emplace(config.cross_attention, d, config.perceiver.dim, weights,
                             block + "gated_cross_attn_layer.");
  }
  const auto inner = block + "decoder_layer.";
  const bool small = config_.family == DecoderFamily::mpt_1b;
  norm_1_ = weights.take(inner + (small ? "ln_1.weight" : "norm_1.weight"), {d});
  wqkv_ = weights.take(inner + "attn.Wqkv.weight", {3 * d, d});
  if (config_.qk_layernorm) {
    q_norm_ = weights.take(inner + "attn.q_ln.weight", {d});
    k_norm_ = weights.take(inner + "attn.k_ln.weight", {d});
  }
  out_proj_ = weights.take(inner + "attn.out_proj.weight", {d, d});
  norm_2_ = weights.take(inner + (small ? "ln_2.weight" : "norm_2.weight"), {d});
  up_ = weights.take(inner + (small ? "mlp.mlp_up.weight" : "ffn.up_proj.weight"), {config_.mlp_ratio * d, d});
  down_ = weights.take(inner + (small ? "mlp.mlp_down.weight" : "ffn.down_proj.weight"), {d, config_.mlp_ratio * d});
}

DecoderLayer::Output DecoderLayer::forward(const at::Tensor& x, const at::Tensor& media,
                                           const TextContext& context) const {
  Output out;
  out.cross_attention = cross_attention_ ? cross_attention_->forward(x, media, context) : x;
  out.hidden = forward_block(out.cross_attention, context);
  return out;
}

at::Tensor DecoderLayer::forward_block(const at::Tensor& x, const TextContext& context) const {
  const auto qkv = at::linear(layer_norm(x, norm_1_), wqkv_).chunk(3, -1);
  auto q = qkv[0];
  auto k = qkv[1];
  if (config_.qk_layernorm) {
    q = layer_norm(q, q_norm_);
    k = layer_norm(k, k_norm_);
  }
  const auto heads = config_.heads;
  const double scale =
      config_.softmax_scale > 0 ? config_.softmax_scale : 1.0 / std::sqrt(static_cast<double>(config_.d_model / heads));
  const auto mixed = attention(split_heads(q, heads), split_heads(k, heads), split_heads(qkv[2], heads), scale,
                               context.attention_bias);
  const auto y = x + at::linear(merge_heads(mixed), out_proj_);
  return y + at::linear(at::gelu(at::linear(layer_norm(y, norm_2_), up_)), down_);
}

}  // namespace deer
