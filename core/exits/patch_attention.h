// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <stop_token>

#include "core/exits/attention_map.h"
#include "core/model/multi_exit_model.h"

namespace deer {

/// The attention map of one frame at an exit, without `frame` and the position of the grids. `tokens` [2, patches,
/// width] come from the vision tower, for static and gripper camera. Runs the decoder up to the last cross-attention.
/// Throws Error if there is none up to `exit_layer`, or that is not an exit; Cancelled.
AttentionMap patch_attention(const MultiExitModel& model, const at::Tensor& tokens, const PreparedText& text,
                             int exit_layer, std::stop_token stop = {});

}  // namespace deer
