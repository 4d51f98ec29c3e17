// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/actions/action_series.h"

#include <cmath>
#include <limits>

namespace deer {

void ActionSeries::reset(std::size_t frames, std::vector<int> exit_layers) {
  exit_layers_ = std::move(exit_layers);
  by_exit_.assign(exit_layers_.size(), {});
  arm_errors_.assign(exit_layers_.size(), {});
  executed_ = {};
  recorded_ = {};
  grow(frames);
}

void ActionSeries::grow(std::size_t frames) {
  for (auto& exit : by_exit_) {
    for (auto& values : exit) values.resize(frames, kNotEvaluated);
  }
  for (auto& errors : arm_errors_) errors.values.resize(frames, kNotEvaluated);
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
  update_errors(frame);
}

void ActionSeries::set_recorded(std::size_t frame, const std::optional<std::array<float, 7>>& action) {
  for (std::size_t i = 0; i < kGripper; ++i) recorded_[i][frame] = action ? (*action)[i] : kNotEvaluated;
  recorded_[kGripper][frame] = !action ? kNotEvaluated : (*action)[kGripper] > 0 ? 1.0F : 0.0F;
  update_errors(frame);
}

void ActionSeries::update_errors(std::size_t frame) {
  for (std::size_t exit = 0; exit < arm_errors_.size(); ++exit) {
    float squares = 0;
    for (std::size_t i = 0; i < kGripper; ++i) {
      const float error = by_exit_[exit][i][frame] - recorded_[i][frame];
      squares += error * error;
    }
    auto& errors = arm_errors_[exit];
    float& value = errors.values[frame];
    const auto count = [&](int sign) {
      if (std::isnan(value)) return;
      errors.sum += sign * static_cast<double>(value);
      errors.known += sign;
    };
    count(-1);
    value = std::sqrt(squares / static_cast<float>(kGripper));
    count(1);
  }
}

std::array<float, 2> ActionSeries::band(std::size_t dimension, std::size_t frame) const {
  std::array<float, 2> result{kNotEvaluated, kNotEvaluated};
  for (const auto& exit : by_exit_) {
    // fmin and fmax ignore NaN.
    result[0] = std::fmin(result[0], exit[dimension][frame]);
    result[1] = std::fmax(result[1], exit[dimension][frame]);
  }
  return result;
}

float ActionSeries::error(std::size_t exit, std::size_t dimension, std::size_t frame) const {
  return std::abs(by_exit_[exit][dimension][frame] - recorded_[dimension][frame]);
}

double ActionSeries::mean_arm_error(std::size_t exit) const {
  const auto& errors = arm_errors_[exit];
  return errors.known > 0 ? errors.sum / static_cast<double>(errors.known) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace deer
