// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/exits/exit_policy.h"

namespace deer {

/// Thresholds of an exit that every frame, or no frame, stops at.
inline constexpr float kAlways = static_cast<float>(kAlwaysLeave);
inline constexpr float kNever = static_cast<float>(kNeverLeave);

}  // namespace deer
