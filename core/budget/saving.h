// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>

namespace deer {

/// How many times less is left when `share` (0 to 1) of something is saved: 4 for 0.75. At most 1e9.
inline double times_less(double share) { return 1 / std::max(1e-9, 1 - share); }

}  // namespace deer
