// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/actions/action_series.h"

#include <cmath>
#include <limits>

namespace deer {

void ActionSeries::reset(std::size_t frames, std::vector<int> exit_layers, ActionLayoutPtr layout) {
  exit_layers_ = std::move(exit_layers);
  layout_ = std::move(layout);
  by_exit_.assign(exit_layers_.size(), std::vector<Values>(dimensions()));
  arm_errors_.assign(exit_layers_.size(), {});
  executed_.assign(dimensions(), {});
  recorded_.assign(dimensions(), {});
  grow(frames);
}

void ActionSeries::grow(std::size_t frames) {
  frames_ = frames;
  for (auto& exit : by_exit_) {
    for (auto& values : exit) values.resize(frames, kNotEvaluated);
  }
  for (auto& errors : arm_errors_) errors.values.resize(frames, kNotEvaluated);
  for (auto* const all : {&executed_, &recorded_}) {
    for (auto& values : *all) values.resize(frames, kNotEvaluated);
  }
}

void ActionSeries::set_record(std::size_t frame, const FrameRecord& record) {
  const auto set = [&](std::vector<Values>& to, const ActionValues* action) {
    for (std::size_t i = 0; i < to.size(); ++i) {
      to[i][frame] = action && i < action->size() ? (*action)[i] : kNotEvaluated;
    }
  };
  for (std::size_t exit = 0; exit < exit_layers_.size(); ++exit) {
    const auto* const probe = record.probe_at(exit_layers_[exit]);
    set(by_exit_[exit], probe ? &probe->action : nullptr);
  }
  set(executed_, &record.action);
  update_errors(frame);
}

void ActionSeries::set_recorded(std::size_t frame, std::span<const float> action) {
  for (std::size_t i = 0; i < recorded_.size(); ++i) {
    recorded_[i][frame] = i < action.size() ? action[i] : kNotEvaluated;
  }
  if (layout_->is_deer() && !action.empty()) {
    float& gripper = recorded_.back()[frame];
    gripper = gripper > 0 ? 1.0F : 0.0F;
  }
  update_errors(frame);
}

void ActionSeries::update_errors(std::size_t frame) {
  for (std::size_t exit = 0; exit < arm_errors_.size(); ++exit) {
    float squares = 0;
    for (const auto i : layout_->compared_first()) {
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
    value = std::sqrt(squares / static_cast<float>(layout_->compared_first().size()));
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
