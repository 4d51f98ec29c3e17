// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "core/model/model_config.h"

namespace deer {

/// VisionEncoder::forward(images).tokens, optimised for training on a CPU: gradients flow to `parameters`, attention
/// and activation are single passes in each direction, and the linear layers may compute in bfloat16 while norms and
/// the residual stream stay in float32. May run on any thread with separate parameters.
///
/// `parameters`: float32, by the model's names. `matrices`: weights for the linear layers, float32 or
/// bfloat16, by the same names; may be the same map. `images` [N, 3, S, S] float32, normalised.
/// Returns float32 [N, patches, width].
at::Tensor tower_tokens(const VisionConfig& config, const std::map<std::string, at::Tensor>& parameters,
                        const std::map<std::string, at::Tensor>& matrices, const at::Tensor& images);

}  // namespace deer
