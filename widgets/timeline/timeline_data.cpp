// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/timeline/timeline_data.h"

#include <algorithm>
#include <cmath>

#include "core/debug/frame_values.h"

namespace deer {

void TimelineData::grow(qint64 frames) {
  depth_.grow(frames);
  regret_.grow(frames);
  mean_cost_.grow(frames);
  spent_.resize(static_cast<std::size_t>(frames));
  for (auto& column : deltas_) column.grow(frames);
  for (auto& column : predicted_) column.grow(frames);
  for (auto& column : recorded_) column.grow(frames);
}

void TimelineData::set_runs(const std::vector<TimelineRun>& runs) {
  runs_.resize(runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto& [depth, color] = runs_[i];
    if (depth.size() != static_cast<qint64>(runs[i].depth.size())) {
      depth.reset(static_cast<qint64>(runs[i].depth.size()));
    }
    if (!runs[i].depth.empty()) depth.assign(runs[i].depth);
    color = runs[i].color;
  }
}

void TimelineData::reset(qint64 frames, std::vector<int> exit_layers, ActionLayoutPtr layout) {
  for (auto& column : recorded_) column.reset(frames);
  set_exits(frames, std::move(exit_layers), std::move(layout));
}

void TimelineData::set_exits(qint64 frames, std::vector<int> exit_layers, ActionLayoutPtr layout) {
  if (*layout != *layout_) {
    predicted_.assign(layout->width(), {});
    recorded_.assign(layout->width(), {});
  }
  layout_ = std::move(layout);
  exit_layers_ = std::move(exit_layers);
  depth_.reset(frames);
  regret_.reset(frames);
  mean_cost_.reset(frames);
  spent_.assign(static_cast<std::size_t>(frames), {});
  set_exit_costs({});
  deltas_.assign(exit_layers_.size(), {});
  for (auto& column : deltas_) column.reset(frames);
  for (auto& column : predicted_) column.reset(frames);
  for (auto& column : recorded_) {
    if (column.size() != frames) column.reset(frames);
  }
}

void TimelineData::set_record(qint64 frame, const FrameRecord* record) {
  if (frame < 0 || frame >= frames()) return;
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  depth_.set(frame, record ? static_cast<float>(record->depth()) : kNone);
  spent_known_ = std::min(spent_known_, frame);
  regret_.set(frame, record ? static_cast<float>(deer::regret(*record)) : kNone);
  for (std::size_t exit = 0; exit < exit_layers_.size(); ++exit) {
    const ExitProbe* probe = record ? record->probe_at(exit_layers_[exit]) : nullptr;
    deltas_[exit].set(frame, probe ? probe->delta : kNone);
  }
  for (std::size_t i = 0; i < predicted_.size(); ++i) {
    const bool known = record && i < record->action.size();
    predicted_[i].set(frame, known ? record->action[i] * static_cast<float>(scale_of(i)) : kNone);
  }
}

double TimelineData::scale_of(std::size_t dimension) const {
  return is_deer_gripper(static_cast<int>(dimension)) ? 1 : layout_->dimensions()[dimension].scale;
}

void TimelineData::set_recorded(qint64 frame, std::span<const double> action) {
  if (frame < 0 || frame >= frames() || action.size() < recorded_.size()) return;
  for (std::size_t i = 0; i < recorded_.size(); ++i) {
    const double value = is_deer_gripper(static_cast<int>(i)) ? (action[i] + 1) / 2 : action[i] * scale_of(i);
    recorded_[i].set(frame, static_cast<float>(value));
  }
}

void TimelineData::set_exit_costs(std::vector<double> costs) {
  exit_costs_ = std::move(costs);
  spent_known_ = 0;
}

const MinMaxColumn& TimelineData::mean_cost() const {
  for (; spent_known_ < frames(); ++spent_known_) {
    const auto place = static_cast<std::size_t>(spent_known_);
    auto so_far = place > 0 ? spent_[place - 1] : Spent{};
    const auto depth = static_cast<double>(depth_.at(spent_known_));
    const bool evaluated = !std::isnan(depth);
    if (evaluated) {
      const int exit = exit_of_depth(static_cast<int>(depth));
      const bool known = exit >= 0 && static_cast<std::size_t>(exit) < exit_costs_.size();
      so_far.sum += known ? exit_costs_[static_cast<std::size_t>(exit)] : depth;
      ++so_far.frames;
    }
    spent_[place] = so_far;
    mean_cost_.set(spent_known_, evaluated ? static_cast<float>(so_far.sum / static_cast<double>(so_far.frames))
                                           : std::numeric_limits<float>::quiet_NaN());
  }
  return mean_cost_;
}

int TimelineData::exit_of_depth(int depth) const {
  const auto place = std::find(exit_layers_.begin(), exit_layers_.end(), depth - 1);
  return place == exit_layers_.end() ? -1 : static_cast<int>(place - exit_layers_.begin());
}

}  // namespace deer
