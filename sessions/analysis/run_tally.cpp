// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/run_tally.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/exits/criterion.h"

namespace deer {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

double mean_of_all(double sum, qint64 count, qint64 all) {
  return count == all && count > 0 ? std::max(0.0, sum) / static_cast<double>(count) : kUnknown;
}

}  // namespace

RunTally* RunTally::of(Session* session) {
  auto* const there = session->findChild<RunTally*>(QString(), Qt::FindDirectChildrenOnly);
  return there ? there : new RunTally(session);
}

RunTally::RunTally(Session* session) : QObject(session), session_(session) {
  slices_ = new RecordSlices(session,
                             {.start_anew = [this](qint64 frames) { start_anew(frames); },
                              .grow = [this](qint64 frames) { grow(frames); },
                              .take = [this](qint64 frame, const FrameRecordPtr& record) { set(frame, record.get()); },
                              .taken = [this] { tell(); },
                              .lose = [this](qint64 frame) { set(frame, nullptr); }},
                             this);
  slices_->start();
}

void RunTally::start_anew(qint64 frames) {
  const auto* const model = session_->model();
  exit_layers_ = model ? model->exit_layers : std::vector<int>();
  frames_.assign(static_cast<std::size_t>(frames), {});
  deltas_.assign(exit_layers_.size(), std::vector<float>(static_cast<std::size_t>(frames), kNotEvaluated));
  by_exit_.assign(exit_layers_.size(), 0);
  at_other_exits_ = evaluated_ = probed_ = depth_sum_ = error_count_ = distance_count_ = gripper_differs_ = 0;
  error_sum_ = distance_sum_ = 0;
  changed_first_ = 0;
  changed_last_ = -1;
  Q_EMIT started_anew();
}

void RunTally::grow(qint64 frames) {
  frames_.resize(static_cast<std::size_t>(frames));
  for (auto& column : deltas_) column.resize(static_cast<std::size_t>(frames), kNotEvaluated);
  Q_EMIT grown();
}

void RunTally::set(qint64 frame, const FrameRecord* record) {
  const auto place = static_cast<std::size_t>(frame);
  auto& kept = frames_[place];
  if (!record && !kept.evaluated()) return;
  count(kept, -1);
  kept = {};
  if (record) {
    kept.depth = record->depth();
    kept.exit_index = record->exit_index;
    kept.exit_layer = record->exit_layer;
    kept.prompt_tokens = record->prompt_tokens;
    kept.probed = record->mode == RunMode::probe;
    kept.repeated = record->reason == ExitReason::repeated;
    const bool whole =
        !record->exits.empty() && !exit_layers_.empty() && record->exits.back().layer == exit_layers_.back();
    if (whole) {
      const auto& deepest = record->exits.back().action;
      kept.error = action_delta(DeltaType::l2, *record->layout, record->action, deepest);
      kept.distance = position_distance(*record->layout, record->action, deepest);
      const auto& layout = *record->layout;
      kept.gripper_differs = std::any_of(layout.grippers().begin(), layout.grippers().end(), [&](std::size_t gripper) {
        return record->opens(gripper) != layout.opens(gripper, static_cast<double>(deepest[gripper]));
      });
    }
  }
  count(kept, +1);
  for (std::size_t exit = 0; exit < deltas_.size(); ++exit) {
    // A frame that stopped early only shows the deltas of hard or easy frames, exit by exit.
    const auto* const probe = kept.probed ? record->probe_at(exit_layers_[exit]) : nullptr;
    deltas_[exit][place] = probe ? probe->delta : kNotEvaluated;
  }
  changed_first_ = changed_last_ < 0 ? frame : std::min(changed_first_, frame);
  changed_last_ = std::max(changed_last_, frame);
}

void RunTally::count(const Frame& frame, int sign) {
  if (!frame.evaluated()) return;
  evaluated_ += sign;
  probed_ += frame.probed ? sign : 0;
  depth_sum_ += sign * frame.depth;
  const auto exit = static_cast<std::size_t>(frame.exit_index);
  (frame.exit_index >= 0 && exit < by_exit_.size() ? by_exit_[exit] : at_other_exits_) += sign;
  if (std::isnan(frame.error)) return;
  error_sum_ += sign * static_cast<double>(frame.error);
  error_count_ += sign;
  gripper_differs_ += frame.gripper_differs ? sign : 0;
  if (std::isnan(frame.distance)) return;
  distance_sum_ += sign * static_cast<double>(frame.distance);
  distance_count_ += sign;
}

double RunTally::mean_depth() const {
  return evaluated_ > 0 ? static_cast<double>(depth_sum_) / static_cast<double>(evaluated_) : kUnknown;
}

double RunTally::mean_error() const { return mean_of_all(error_sum_, error_count_, evaluated_); }

double RunTally::mean_distance() const { return mean_of_all(distance_sum_, distance_count_, evaluated_); }

qint64 RunTally::gripper_differs() const {
  return evaluated_ > 0 && error_count_ == evaluated_ ? gripper_differs_ : -1;
}

QString RunTally::distance_unit() const {
  const auto* const model = session_->model();
  if (!model) return {};
  for (const auto& dimension : model->layout->dimensions()) {
    if (dimension.kind == DimensionKind::position) return QString::fromStdString(dimension.unit);
  }
  return {};
}

void RunTally::tell() {
  if (changed_last_ < 0) return;
  const auto first = std::exchange(changed_first_, 0), last = std::exchange(changed_last_, -1);
  Q_EMIT changed(first, last);
}

}  // namespace deer
