// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <span>

#include "core/exits/exit_policy.h"

namespace deer {

/// Distance between two actions over the six arm values. Symmetric, >= 0.
float action_delta(DeltaType type, std::span<const float, 6> action, std::span<const float, 6> previous);

/// 1 - cosine similarity of two features of equal length; norms clamped at 1e-5.
float feature_distance(std::span<const float> feature, std::span<const float> previous);

/// Cosine similarity of two features of equal length, in [-1, 1].
float feature_similarity(std::span<const float> a, std::span<const float> b);

}  // namespace deer
