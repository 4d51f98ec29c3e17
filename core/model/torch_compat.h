// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

// Handles differences between LibTorch versions: 1.13 (Debian) and 2.x.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/api/include/torch/version.h>

namespace deer {

/// softmax(q k^T * scale + bias) v for [batch, heads, length, dim_head]; no bias if undefined.
inline at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                            const at::Tensor& bias = {}) {
#if TORCH_VERSION_MAJOR >= 2
  // The fused operator's backward is slow on the CPU, several times so in bfloat16 (2.11).
  if (!q.is_cpu() || !(q.requires_grad() || k.requires_grad())) {
    const auto mask = bias.defined() ? c10::optional<at::Tensor>(bias) : c10::nullopt;
    return at::scaled_dot_product_attention(q, k, v, mask, 0.0, false, scale);
  }
#endif
  auto scores = at::matmul(q * scale, k.transpose(-2, -1));
  if (bias.defined()) scores = scores + bias;
  return at::matmul(at::softmax(scores, -1), v);
}

/// The softmax(q k^T * scale) inside attention(), which a fused operator does not return: float32.
inline at::Tensor attention_weights(const at::Tensor& q, const at::Tensor& k, double scale,
                                    const at::Tensor& mask = {}) {
  auto scores = at::matmul(q.to(at::kFloat) * scale, k.to(at::kFloat).transpose(-2, -1));
  if (mask.defined()) scores = scores.masked_fill(mask, -1e4);
  return at::softmax(scores, -1);
}

/// Autocast to `dtype` for this thread during its lifetime; kFloat changes nothing.
class AutocastGuard {
 public:
  AutocastGuard(at::Device device, at::ScalarType dtype) : type_(device.type()), on_(dtype != at::kFloat) {
    if (!on_) return;
    at::autocast::increment_nesting();
#if TORCH_VERSION_MAJOR >= 2 && TORCH_VERSION_MINOR >= 4
    at::autocast::set_autocast_enabled(type_, true);
    at::autocast::set_autocast_dtype(type_, dtype);
#else
    if (type_ == at::kCPU) {
      at::autocast::set_cpu_enabled(true);
      at::autocast::set_autocast_cpu_dtype(dtype);
    } else {
      at::autocast::set_enabled(true);
      at::autocast::set_autocast_gpu_dtype(dtype);
    }
#endif
  }
  ~AutocastGuard() {
    if (!on_) return;
#if TORCH_VERSION_MAJOR >= 2 && TORCH_VERSION_MINOR >= 4
    at::autocast::set_autocast_enabled(type_, false);
#else
    type_ == at::kCPU ? at::autocast::set_cpu_enabled(false) : at::autocast::set_enabled(false);
#endif
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  }
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  at::DeviceType type_;
  bool on_;
};

/// [batch, length, heads * dim_head] to [batch, heads, length, dim_head].
inline at::Tensor split_heads(const at::Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

/// The inverse of split_heads.
inline at::Tensor merge_heads(const at::Tensor& x) {
  return x.transpose(1, 2).reshape({x.size(0), x.size(2), x.size(1) * x.size(3)});
}

inline at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {}) {
  // Under autocast x may be narrower than the weights, which old LibTorch does not accept.
  return at::layer_norm(x.to(weight.scalar_type()), {weight.size(0)}, weight, bias, 1e-5);
}

}  // namespace deer
