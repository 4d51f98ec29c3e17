// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include "core/model/action_head.h"

namespace deer {

/// Many runs of one action head at once: `rows` runs, several of which may share a feature or a recurrent state. Shared
/// products are computed once: the first layer's input weights with each feature, and the recurrent weights with each
/// state.
struct HeadRows {
  at::Tensor features;    ///< [F, d_model], float32
  at::Tensor feature_of;  ///< [rows] int64: which feature
  at::Tensor h;           ///< [layers, S, hidden_size]; zeros for a fresh state
  at::Tensor c;
  at::Tensor state_of;  ///< [rows] int64: which state
};

/// Equal to ActionHead::step() on each row up to the rounding of larger matrix products (some 1e-6).
HeadOutput run_head(const ActionHead& head, const HeadRows& rows);

}  // namespace deer
