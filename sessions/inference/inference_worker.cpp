// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/inference/inference_worker.h"

#include <algorithm>

#include "core/base/error.h"
#include "sessions/base/paths.h"

namespace deer {
namespace {

constexpr auto kReplayTime = std::chrono::microseconds(8);  // a frame
constexpr int kMostRecordsOut = 2;

}  // namespace

void InferenceWorker::load(quint64 command, const std::filesystem::path& path, const EngineOptions& options,
                           std::stop_token stop) {
  if (stop.stop_requested()) return Q_EMIT finished(command);
  const auto fail = [&](const QString& details, const QString& advice) {
    Q_EMIT failed(command, {tr("Cannot open the model"), details, advice, ProblemId::model_not_opened});
  };
  Clock::time_point last{};
  const auto report = [&](std::string_view what, std::int64_t done, std::int64_t total) {
    const auto now = Clock::now();
    if (now - last < kSignalInterval && done < total) return;
    last = now;
    Q_EMIT progress(command, QString::fromUtf8(what.data(), qsizetype(what.size())), done, total);
  };
  try {
    auto engine = factory_(path, options, report, stop);
    if (stop.stop_requested()) return Q_EMIT finished(command);
    engine_ = std::move(engine);
    if (!run_) {
      source_.reset();
      forget_records(rollout_);
    }
    Q_EMIT loaded(command, engine_->summary(), engine_->policy(), options);
  } catch (const Cancelled&) {
    Q_EMIT finished(command);
  } catch (const OutOfMemory& error) {
    fail(QString::fromUtf8(error.what()), tr("Choose a smaller number format or the CPU in the preferences."));
  } catch (const Error& error) {
    fail(QString::fromUtf8(error.what()), tr("Choose a folder with config.json and the model's weights."));
  } catch (const std::exception& error) {
    fail(to_qstring(path) + QStringLiteral(": ") + QString::fromUtf8(error.what()), {});
  }
}

void InferenceWorker::set_episode(quint64 rollout, FrameSourcePtr source) {
  end_live();
  set_run(rollout, nullptr);
  source_ = std::move(source);
  forget_records(rollout);
}

void InferenceWorker::forget_records(quint64 rollout) {
  rollout_ = rollout;
  probes_.clear();
  batch_.clear();
  published_ = 0;
  state_stale_ = false;
  if (engine_) engine_->reset();
}

void InferenceWorker::advance(const Advance& task) {
  if (run_) return advance_run(task);
  const bool live = task.run && live_.frames;
  if (task.stop.stop_requested() || (!engine_ && !live)) return Q_EMIT finished(task.command);
  try {
    if (engine_ && !(engine_->policy() == task.policy)) engine_->set_policy(task.policy);
  } catch (const std::exception& error) {
    return Q_EMIT policy_refused(task.command, QString::fromUtf8(error.what()));
  }
  batch_.clear();
  bool replaying = true;
  try {
    qint64 fixed = 0;
    if (published_policy_ != task.policy_id || published_ < probes_.size()) fixed = replay_all(task);
    replaying = false;
    Q_EMIT replayed(task.command, fixed);
    if (live) return run_live(task);
    if (task.run && source_) run(task);
    publish(task);
    Q_EMIT finished(task.command);
  } catch (const Cancelled&) {
    publish(task);
    Q_EMIT finished(task.command);
  } catch (const std::exception& error) {
    const auto details = QString::fromUtf8(error.what());
    publish(task);
    if (replaying) {
      Q_EMIT failed(task.command,
                    {tr("The policy could not be applied to the stored results"), details, tr("Run the model again.")});
    } else {
      Q_EMIT failed(task.command,
                    {tr("The run stopped at frame %1").arg(probes_.size()), details,
                     tr("The frames before it keep their results. Each frame depends on all before it, so the run "
                        "cannot skip one that fails.")});
    }
  }
}

std::size_t InferenceWorker::stretch_start(std::size_t index) const {
  while (index > 0 && probes_[index]->step != 0) --index;
  return index;
}

qint64 InferenceWorker::replay_all(const Advance& task) {
  // Stretches between two resets are independent: the one on screen goes first.
  std::vector<std::pair<std::size_t, std::size_t>> stretches;
  for (std::size_t end = probes_.size(); end > 0;) {
    const auto begin = stretch_start(end - 1);
    stretches.emplace_back(begin, end);
    end = begin;
  }
  std::reverse(stretches.begin(), stretches.end());
  const auto shown = std::find_if(stretches.begin(), stretches.end(), [&](const auto& s) {
    return task.focus_frame >= probes_[s.first]->frame && task.focus_frame <= probes_[s.second - 1]->frame;
  });
  if (shown != stretches.end()) std::rotate(stretches.begin(), shown, shown + 1);

  qint64 fixed = 0;
  for (const auto& [begin, end] : stretches) {
    const std::span<const FrameRecordPtr> stretch(probes_.data() + begin, end - begin);
    // One frame whose deeper exits never ran, and what follows it cannot be known.
    if (std::any_of(stretch.begin(), stretch.end(), [](const auto& r) { return r->mode == RunMode::policy; })) {
      fixed += static_cast<qint64>(stretch.size());
      continue;
    }
    auto replayed_records = engine_->replay(stretch, task.policy, task.stop);
    if (task.stop.stop_requested()) throw Cancelled();
    send_replayed(task, replayed_records);
  }
  // Records that step() made under another policy left their mark on the engine's recurrent state.
  if (published_policy_ != task.policy_id && !probes_.empty()) state_stale_ = true;
  published_policy_ = task.policy_id;
  published_ = probes_.size();
  return fixed;
}

void InferenceWorker::replay_open_stretch(const Advance& task) {
  const auto begin = stretch_start(probes_.size() - 1);
  const std::span<const FrameRecordPtr> stretch(probes_.data() + begin, probes_.size() - begin);
  const auto all = engine_->replay(stretch, task.policy, task.stop);
  for (auto i = std::max(published_, begin); i < probes_.size(); ++i) batch_.push_back(all[i - begin]);
  published_ = probes_.size();
}

void InferenceWorker::run(const Advance& task) {
  const auto length = static_cast<std::size_t>(source_->length().value_or(0));
  auto next_replay = Clock::now();
  while (probes_.size() < length) {
    const auto index = static_cast<std::int64_t>(probes_.size());
    source_->prefetch(index + 1);
    FrameRecordPtr record;
    try {
      const auto seen = source_->read(index);
      if (task.stop.stop_requested()) throw Cancelled();
      const FrameInput input{index, seen->rgb_static, seen->rgb_gripper, seen->instruction};
      record = engine_->step(input, RunMode::probe, task.stop);
    } catch (const Cancelled&) {
      throw;
    } catch (const std::exception&) {
      if (published_ < probes_.size()) replay_open_stretch(task);
      throw;
    }
    probes_.push_back(record);
    if (record->step == 0) {
      if (state_stale_ && published_ + 1 < probes_.size()) {
        // The stretch before ended with frames that were not yet replayed.
        probes_.pop_back();
        replay_open_stretch(task);
        probes_.push_back(record);
      }
      state_stale_ = false;
    }
    if (!state_stale_) {
      batch_.push_back(record);
      published_ = probes_.size();
    } else if (Clock::now() >= next_replay || probes_.size() == length) {
      const auto began = Clock::now();
      replay_open_stretch(task);
      const auto ended = Clock::now();
      next_replay = ended + 4 * (ended - began);  // at most a fifth of the time goes into replaying
    }
    if (Clock::now() - last_batch_ >= kSignalInterval) publish(task);
    serve_attention();
  }
}

void InferenceWorker::send(const Advance& task, const std::vector<FrameRecordPtr>& batch) {
  {
    const std::scoped_lock lock(records_mutex_);
    ++records_out_;
  }
  Q_EMIT records(rollout_, task.policy_id, batch);
}

void InferenceWorker::send_replayed(const Advance& task, const std::vector<FrameRecordPtr>& batch) {
  // A replay is faster than views can follow: what waited for them would be taken in one go, and hold up a drag.
  const auto due = last_batch_ + batch.size() * kReplayTime;
  {
    std::unique_lock lock(records_mutex_);
    records_taken_.wait_until(lock, task.stop, due, [] { return false; });
    records_taken_.wait(lock, task.stop, [this] { return records_out_ < kMostRecordsOut; });
  }
  if (task.stop.stop_requested()) throw Cancelled();
  send(task, batch);
  last_batch_ = Clock::now();
}

void InferenceWorker::records_taken() {
  {
    const std::scoped_lock lock(records_mutex_);
    --records_out_;
  }
  records_taken_.notify_one();
}

void InferenceWorker::publish(const Advance& task) {
  if (batch_.empty()) return;
  send(task, batch_);
  batch_.clear();
  last_batch_ = Clock::now();
}

}  // namespace deer
