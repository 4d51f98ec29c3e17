// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/action_series.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace deer {

void ActionSeries::reset(std::size_t frames, std::vector<int> exit_layers) {
  exit_layers_ = std::move(exit_layers);
  by_exit_.assign(exit_layers_.size(), {});
  executed_ = {};
  recorded_ = {};
  grow(frames);
}

void ActionSeries::grow(std::size_t frames) {
  for (auto& exit : by_exit_) {
    for (auto& values : exit) values.resize(frames, kNotEvaluated);
  }
  for (auto* const all : {&executed_, &recorded_}) {
    for (auto& values : *all) values.resize(frames, kNotEvaluated);
  }
}

void ActionSeries::set_record(std::size_t frame, const FrameRecord& record) {
  for (std::size_t exit = 0; exit < exit_layers_.size(); ++exit) {
    const auto* const probe = record.probe_at(exit_layers_[exit]);
    for (std::size_t i = 0; i < kGripper; ++i) by_exit_[exit][i][frame] = probe ? probe->arm[i] : kNotEvaluated;
    by_exit_[exit][kGripper][frame] = probe ? probe->gripper_probability : kNotEvaluated;
  }
  for (std::size_t i = 0; i < kGripper; ++i) executed_[i][frame] = record.arm[i];
  executed_[kGripper][frame] = record.gripper_probability;
}

void ActionSeries::set_recorded(std::size_t frame, const std::optional<std::array<float, 7>>& action) {
  for (std::size_t i = 0; i < kGripper; ++i) recorded_[i][frame] = action ? (*action)[i] : kNotEvaluated;
  recorded_[kGripper][frame] = !action ? kNotEvaluated : (*action)[kGripper] > 0 ? 1.0F : 0.0F;
}

std::array<ActionSeries::Values, 2> ActionSeries::band(std::size_t dimension) const {
  std::array<Values, 2> result{Values(frames(), kNotEvaluated), Values(frames(), kNotEvaluated)};
  for (const auto& exit : by_exit_) {
    for (std::size_t frame = 0; frame < frames(); ++frame) {
      // fmin and fmax pass over NaN.
      result[0][frame] = std::fmin(result[0][frame], exit[dimension][frame]);
      result[1][frame] = std::fmax(result[1][frame], exit[dimension][frame]);
    }
  }
  return result;
}

ActionSeries::Values ActionSeries::error(std::size_t exit, std::size_t dimension) const {
  Values result(frames());
  for (std::size_t frame = 0; frame < frames(); ++frame) {
    result[frame] = std::abs(by_exit_[exit][dimension][frame] - recorded_[dimension][frame]);
  }
  return result;
}

ActionSeries::Values ActionSeries::arm_error(std::size_t exit) const {
  Values result(frames());
  for (std::size_t frame = 0; frame < frames(); ++frame) {
    float squares = 0;
    for (std::size_t i = 0; i < kGripper; ++i) {
      const float error = by_exit_[exit][i][frame] - recorded_[i][frame];
      squares += error * error;
    }
    result[frame] = std::sqrt(squares / static_cast<float>(kGripper));
  }
  return result;
}

double ActionSeries::mean(const Values& values) {
  double sum = 0;
  std::size_t known = 0;
  for (const float value : values) {
    if (std::isnan(value)) continue;
    sum += static_cast<double>(value);
    ++known;
  }
  return known > 0 ? sum / static_cast<double>(known) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace deer
