// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <vector>

#include "core/model/action_head.h"

namespace deer {

/// Dropout as in the head's configuration; without a generator there is none.
struct HeadDropout {
  double mlp = 0;
  double lstm = 0;
  DropoutMode mode = DropoutMode::layerwise;
  std::optional<at::Generator> generator;
};

struct HeadOutputs {
  at::Tensor arm;            ///< [H, B, W, 6]
  at::Tensor gripper_logit;  ///< [H, B, W]
};

/// Heads of one shape over windows from a zero state, all in one batch: head i on features[i].
/// `features` [H, B, W, d_model] float32. Equal to ActionHead::window, with gradients and dropout; one
/// batched product instead of one per head reduces the overhead of small heads.
HeadOutputs run_heads(const std::vector<const ActionHead*>& heads, const at::Tensor& features,
                      const HeadDropout& dropout = {});

}  // namespace deer
