// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "core/budget/cost_model.h"

namespace deer {

/// Memory of a model with the layers up to some exit, in bytes by purpose.
struct MemoryUse {
  std::int64_t weights = 0;      ///< CostModel::parameters: heads in float32, the rest in the model's type
  std::int64_t activations = 0;  ///< largest sum of tensors alive at once in one step
  std::int64_t workspace = 0;    ///< held by the libraries

  std::int64_t total() const { return weights + activations + workspace; }
};

/// Memory that a model needs on its device, computed from its sizes.
///
/// Weights are counted as they are loaded; CLIP's own projection, which no policy uses, is not. Activations are those
/// of one step with two cameras: the largest stage (image tower, resampler or one decoder layer) with its attention
/// matrices, plus what stays allocated: hidden states of every layer run, media latents, the head's state. Fused
/// attention needs less. Workspace is a constant of the device: on CUDA what cuBLAS requests from LibTorch's
/// allocator, on the CPU the buffers of BLAS and oneDNN. Not counted, because LibTorch's allocators do not see them:
/// the CUDA context (some hundred MiB) and the program itself.
class MemoryModel {
 public:
  enum class Device { cpu, cuda };

  /// `number_bytes`: bytes per number of the model's type, 4 for float32, 2 for bfloat16 and float16.
  MemoryModel(const CostModel& model, int number_bytes, Device device, int tokens = 32);

  /// Throws Error if there is no such layer.
  MemoryUse use(int deepest_layer) const;

 private:
  CostModel model_;
  int number_bytes_;
  Device device_;
  int tokens_;
};

}  // namespace deer
