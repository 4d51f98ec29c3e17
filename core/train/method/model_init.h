// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "core/train/method/trainable_model.h"

namespace deer {

/// How a network starts that has no pretrained parts.
struct ModelInit {
  std::uint64_t seed = 0;
  /// Value of all cross-attention gates before their tanh. 0 leaves a pretrained language model as it was
  /// at first; without one the images must come through from the start.
  double gate = 0.5;
};

/// All parameters of a network of these sizes. The numbers depend on the seed and the parameter's name
/// alone: adding a layer changes no other. Given `pretrained` parameters (a vision tower) are kept as they are.
ParameterMap initial_parameters(const ModelConfig& config, const ModelInit& init, const ParameterMap& pretrained = {});

}  // namespace deer
