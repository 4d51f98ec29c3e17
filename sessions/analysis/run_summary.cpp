// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/run_summary.h"

#include <algorithm>
#include <cmath>

#include "core/model/model_config.h"
#include "sessions/session/live_session.h"

namespace deer {

RunSummary::RunSummary(Session* session, QObject* parent) : QObject(parent), session_(session) {
  slices_ = new RecordSlices(session,
                             {.start_anew = [this](qint64 frames) { start_anew(frames); },
                              .grow = [this](qint64 frames) { grow(frames); },
                              .take = [this](qint64 frame, const FrameRecordPtr& record) { take(frame, *record); },
                              .taken = [this] { tell(); }},
                             this);
  connect(session->live(), &LiveSession::frames_added, this, [this](qint64, qint64 last) { take_tasks(last); });
  slices_->start();
}

void RunSummary::start_anew(qint64 frames) {
  costs_.reset();
  deepest_layer_ = -1;
  if (const auto* const model = session_->model()) {
    if (!model->exit_layers.empty()) deepest_layer_ = model->exit_layers.back();
    if (model->config) costs_.emplace(*model->config);
  }
  depths_.clear();
  gflops_.clear();
  full_gflops_.clear();
  sum_ = {};
  summed_ = -1;
  grow(frames);
  // A new model goes on with the same live run.
  if (!session_->live()->is_open() || frames == 0) tasks_.clear();
  changed_first_ = 0;
  changed_last_ = -1;
  Q_EMIT started_anew();
}

void RunSummary::grow(qint64 frames) {
  const auto count = static_cast<std::size_t>(frames);
  depths_.resize(count, 0);
  gflops_.resize(count, kNotEvaluated);
  full_gflops_.resize(count, kNotEvaluated);
}

void RunSummary::take(qint64 frame, const FrameRecord& record) {
  const auto place = static_cast<std::size_t>(frame);
  depths_[place] = static_cast<quint16>(record.depth());
  const bool repeated = record.reason == ExitReason::repeated;
  const bool known = costs_ && record.prompt_tokens > 0;
  const auto cost = [&](int layer) {
    if (repeated) return 0.0F;
    return known ? static_cast<float>(costs_->llm_gflops(layer, record.prompt_tokens)) : kNotEvaluated;
  };
  gflops_[place] = cost(record.exit_layer);
  full_gflops_[place] = cost(std::max(deepest_layer_, record.exit_layer));
  if (frame <= summed_) {
    sum_ = {};
    summed_ = -1;
  }
  changed_first_ = changed_last_ < 0 ? frame : std::min(changed_first_, frame);
  changed_last_ = std::max(changed_last_, frame);
}

void RunSummary::tell() {
  if (changed_last_ < 0) return;
  const auto first = std::exchange(changed_first_, 0), last = std::exchange(changed_last_, -1);
  Q_EMIT changed(first, last);
}

void RunSummary::take_tasks(qint64 last) {
  const auto tasks = session_->live()->tasks();
  // It begins with no task ended.
  if (tasks_.empty() && tasks && *tasks != TaskCount()) tasks_.emplace_back(0, TaskCount());
  if (tasks_.empty() ? tasks.has_value() : tasks_.back().second != tasks) tasks_.emplace_back(last, tasks);
}

std::optional<TaskCount> RunSummary::tasks(qint64 frame) const {
  const auto after = std::upper_bound(tasks_.begin(), tasks_.end(), frame,
                                      [](qint64 value, const auto& one) { return value < one.first; });
  return after == tasks_.begin() ? std::nullopt : std::prev(after)->second;
}

std::optional<RunSummary::Saving> RunSummary::saving(qint64 frame) const {
  frame = std::min(frame, frames() - 1);
  if (frame < summed_) {
    sum_ = {};
    summed_ = -1;
  }
  while (summed_ < frame) {
    const auto place = static_cast<std::size_t>(++summed_);
    if (depths_[place] == 0 || full_gflops_[place] == 0) continue;
    sum_.layers += depths_[place];
    sum_.full_layers += std::max<int>(deepest_layer_ + 1, depths_[place]);
    if (std::isnan(full_gflops_[place])) continue;
    sum_.gflops += static_cast<double>(gflops_[place]);
    sum_.full_gflops += static_cast<double>(full_gflops_[place]);
  }
  if (sum_.gflops > 0) return Saving{sum_.full_gflops / sum_.gflops, false, sum_.gflops, sum_.full_gflops};
  if (sum_.layers > 0) return Saving{sum_.full_layers / sum_.layers, true, sum_.layers, sum_.full_layers};
  return std::nullopt;
}

}  // namespace deer
