// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cmath>
#include <random>

#include "core/budget/calibration.h"
#include "core/budget/exit_costs.h"

namespace deer::test {

/// Values and errors as a model gives them: hard frames differ more between exits and are further from the end.
inline CalibrationSet made_set(int exits, int samples, unsigned seed, int levels = 0) {
  std::mt19937 random(seed);
  std::gamma_distribution<float> hardness(2, 0.5F);
  std::gamma_distribution<float> noise(3, 0.01F);
  CalibrationSet set;
  set.values.resize(static_cast<std::size_t>(exits));
  set.errors.resize(static_cast<std::size_t>(exits));
  for (int exit = 0; exit < exits; ++exit) set.exit_layers.push_back(2 * exit + 1);
  for (int sample = 0; sample < samples; ++sample) {
    const float hard = hardness(random);
    float error = 0;
    for (int exit = exits - 1; exit >= 0; --exit) {
      const auto place = static_cast<std::size_t>(exit);
      const float step = hard * noise(random);
      if (exit + 1 < exits) error += step;
      set.errors[place].push_back(error);
      set.values[place].push_back(hard * noise(random) + step);
    }
  }
  // Few levels: many equal values.
  if (levels > 0) {
    for (auto& row : set.values) {
      for (float& value : row) value = std::round(value * static_cast<float>(levels)) / static_cast<float>(levels);
    }
  }
  return set;
}

/// Costs of a made-up model.
inline ExitCosts costs_of(int exits) {
  ExitCosts out;
  for (int exit = 0; exit < exits; ++exit) {
    out.exit_layers.push_back(2 * exit + 1);
    out.llm_gflops.push_back(2.6 * (exit + 1));
    out.total_gflops.push_back(160 + 2.7 * (exit + 1));
    out.milliseconds.push_back(20 + 5.0 * (exit + 1));
    out.memory.push_back({1'000'000'000LL * (exit + 1), 50'000'000, 32'000'000});
  }
  return out;
}

}  // namespace deer::test
