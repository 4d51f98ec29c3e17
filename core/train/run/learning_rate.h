// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

namespace deer {

enum class Schedule { constant, cosine, linear };

/// "constant", "cosine" or "linear"; throws Error for other names.
Schedule parse_schedule(std::string_view name);

/// Factor for learning rates in optimiser step `step` (from 0) of `steps`: step / warmup in the first `warmup` steps,
/// so 0 in the very first, as in the reference; then 1, or down to `floor` at the end along half a cosine or a line.
double schedule_factor(Schedule schedule, std::int64_t step, std::int64_t steps, std::int64_t warmup, double floor = 0);

}  // namespace deer
