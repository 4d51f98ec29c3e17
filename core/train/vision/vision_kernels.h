// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

// Inner loops of the vision tower's training for CPUs with AVX2 and FMA. General libraries are slowest
// for small matrices (65 x 24), and a tower of the demo's size has little else besides linear layers. Numbers are
// float, or the upper halves of floats (bfloat16) in uint16_t; arithmetic is in float. Call these functions only if
// cpu_has_vision_kernels() is true.
namespace deer {

bool cpu_has_vision_kernels();

struct AttentionShape {
  int length = 0;  ///< tokens
  int dim = 0;     ///< of a head, a multiple of 8
  int heads = 0;

  int width() const { return heads * dim; }
  int padded() const { return (length + 7) / 8 * 8; }       ///< columns of a row of attention weights
  int shares() const { return heads * length * padded(); }  ///< floats of one image's attention weights
  int scratch() const { return length * (2 * padded() + 6 * dim) + 2 * padded() * dim; }  ///< floats
};

/// softmax(q k^T / sqrt(dim)) v of one image: `qkv` [length, 3 width] to `out` [length, width]; `shares`
/// stores the softmax for the backward pass.
template <typename T>
void attention_forward(const T* qkv, const AttentionShape& shape, T* out, float* shares, float* scratch);

/// `qkv_gradient` [length, 3 width] from `out_gradient` [length, width].
template <typename T>
void attention_backward(const T* qkv, const float* shares, const T* out_gradient, const AttentionShape& shape,
                        T* qkv_gradient, float* scratch);

/// x * sigmoid(1.702 x)
template <typename T>
void quick_gelu_forward(const T* in, std::int64_t count, T* out);
template <typename T>
void quick_gelu_backward(const T* in, const T* out_gradient, std::int64_t count, T* in_gradient);

}  // namespace deer
