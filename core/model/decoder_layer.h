// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "core/model/weights.h"

namespace deer {

/// Data shared by all layers for one text: computed once per instruction.
struct TextContext {
  at::Tensor attention_bias;  ///< [B or 1, heads, L, L]: ALiBi, causal and padding mask
  at::Tensor media_mask;      ///< [B, 1, L, 1] bool: tokens that cannot attend to the media; undefined if all can
  at::Tensor media_free;      ///< [B, 1, L, 1] bool: tokens before the first <image>; undefined if none
  /// [1, heads of the cross-attention, 1, latents of both cameras] bool: latents that a head cannot attend to; a head
  /// that can attend to none adds nothing. Undefined: all can. Not used by attention_weights().
  at::Tensor hidden_media;
};

/// ALiBi slopes, one per head.
std::vector<double> alibi_slopes(DecoderFamily family, std::int64_t heads, double bias_max);

/// Bias and masks for `input_ids` and `attention_mask` [B, L] (1 = text, 0 = padding).
TextContext make_text_context(const DecoderConfig& config, const TokenIds& tokens, const at::Tensor& input_ids,
                              const at::Tensor& attention_mask, at::ScalarType dtype);

/// Flamingo's gated cross-attention: text attends to the latents of both cameras, added through
/// tanh gates. Const and thread-safe.
class GatedCrossAttention {
 public:
  GatedCrossAttention(const CrossAttentionConfig& config, std::int64_t d_model, std::int64_t media_dim,
                      WeightBinder& weights, const std::string& prefix);

  /// `text` [B, L, d_model], `media` [B, latents of both cameras, media_dim].
  at::Tensor forward(const at::Tensor& text, const at::Tensor& media, const TextContext& context) const;

  /// Attention weights of forward(), computed separately: [B, heads, L, latents of both cameras], float32. Rows sum to
  /// 1, except rows of tokens before the first <image>, which are 0.
  at::Tensor attention_weights(const at::Tensor& text, const at::Tensor& media, const TextContext& context) const;

 private:
  CrossAttentionConfig config_;
  at::Tensor norm_weight_, norm_bias_, to_q_, to_kv_, to_out_, attn_gate_;
  at::Tensor ff_norm_weight_, ff_norm_bias_, ff_up_, ff_down_, ff_gate_;
};

/// One MPT block of either family, with the cross-attention before it if the layer has one.
class DecoderLayer {
 public:
  struct Output {
    at::Tensor cross_attention;  ///< [B, L, d_model] after the gated block; equal to the input without one
    at::Tensor hidden;           ///< [B, L, d_model]
  };

  DecoderLayer(const ModelConfig& config, std::int64_t index, WeightBinder& weights);

  Output forward(const at::Tensor& x, const at::Tensor& media, const TextContext& context) const;
  bool has_cross_attention() const { return cross_attention_.has_value(); }
  /// Null if it has none.
  const GatedCrossAttention* cross_attention() const { return cross_attention_ ? &*cross_attention_ : nullptr; }

 private:
  at::Tensor forward_block(const at::Tensor& x, const TextContext& context) const;

  DecoderConfig config_;
  std::optional<GatedCrossAttention> cross_attention_;
  at::Tensor norm_1_, wqkv_, q_norm_, k_norm_, out_proj_, norm_2_, up_, down_;
};

}  // namespace deer
