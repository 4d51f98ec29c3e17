// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "core/train/method/trainable_model.h"

namespace deer {

/// Initialisation of a network without pretrained parts.
struct ModelInit {
  std::uint64_t seed = 0;
  /// Value of all cross-attention gates before their tanh. 0 initially preserves a pretrained language model; without
  /// one the images must get through from the start.
  double gate = 0.5;
};

/// All parameters of a network of these sizes. The values depend only on the seed and the parameter's name, so
/// adding a layer does not change others. `pretrained` parameters (a vision tower) are kept unchanged.
ParameterMap initial_parameters(const ModelConfig& config, const ModelInit& init, const ParameterMap& pretrained = {});

}  // namespace deer
