// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

// The one place that knows LibTorch versions: 1.13 (Debian) and 2.x.
#include <ATen/ATen.h>
#include <torch/csrc/api/include/torch/version.h>

namespace deer {

/// softmax(q k^T * scale + bias) v for [batch, heads, length, dim_head]; no bias if undefined.
inline at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                            const at::Tensor& bias = {}) {
#if TORCH_VERSION_MAJOR >= 2
  const auto mask = bias.defined() ? c10::optional<at::Tensor>(bias) : c10::nullopt;
  return at::scaled_dot_product_attention(q, k, v, mask, 0.0, false, scale);
#else
  auto scores = at::matmul(q * scale, k.transpose(-2, -1));
  if (bias.defined()) scores = scores + bias;
  return at::matmul(at::softmax(scores, -1), v);
#endif
}

/// [batch, length, heads * dim_head] to [batch, heads, length, dim_head].
inline at::Tensor split_heads(const at::Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

/// The inverse of split_heads.
inline at::Tensor merge_heads(const at::Tensor& x) {
  return x.transpose(1, 2).reshape({x.size(0), x.size(2), x.size(1) * x.size(3)});
}

inline at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {}) {
  return at::layer_norm(x, {weight.size(0)}, weight, bias, 1e-5);
}

}  // namespace deer
