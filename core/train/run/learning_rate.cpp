// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "core/base/error.h"

namespace deer {

Schedule parse_schedule(std::string_view name) {
  if (name == "constant") return Schedule::constant;
  if (name == "cosine") return Schedule::cosine;
  if (name == "linear") return Schedule::linear;
  throw Error("the learning rate schedule is '" + printable(name) + "', expected 'constant', 'cosine' or 'linear'");
}

double schedule_factor(Schedule schedule, std::int64_t step, std::int64_t steps, std::int64_t warmup, double floor) {
  if (step < warmup) return static_cast<double>(step) / static_cast<double>(warmup);
  if (schedule == Schedule::constant) return 1;
  const auto length = std::max<std::int64_t>(1, steps - warmup);
  const double part = std::min(1.0, static_cast<double>(step - warmup) / static_cast<double>(length));
  const double shape = schedule == Schedule::linear ? 1 - part : 0.5 * (1 + std::cos(std::numbers::pi * part));
  return floor + (1 - floor) * shape;
}

}  // namespace deer
