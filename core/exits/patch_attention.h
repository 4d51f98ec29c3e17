// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <stop_token>

#include "core/exits/attention_map.h"
#include "core/model/multi_exit_model.h"

namespace deer {

/// The map of one frame at an exit, but for `frame` and the grids' places. `tokens` [2, patches, width] are the vision
/// tower's, of the static camera and the gripper camera. Runs the decoder up to the cross-attention that it is about.
/// Throws Error if there is none up to `exit_layer`, or that is no exit; Cancelled.
AttentionMap patch_attention(const MultiExitModel& model, const at::Tensor& tokens, const PreparedText& text,
                             int exit_layer, std::stop_token stop = {});

}  // namespace deer
