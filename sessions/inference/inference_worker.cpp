// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/inference/inference_worker.h"

#include <QStringList>
#include <algorithm>
#include <chrono>
#include <utility>

#include "core/base/error.h"
#include "core/model/heads_folder.h"
#include "sessions/base/engine_paths.h"
#include "sessions/base/file_stamp.h"
#include "sessions/base/paths.h"

namespace deer {
namespace {

/// Names a model as it was loaded: another number format or changed files make another one.
QString model_key(const std::filesystem::path& path, const ModelSummary& summary) {
  return QStringList{to_qstring(path), QString::fromStdString(summary.dtype), QString::fromStdString(summary.device),
                     model_stamp(path)}
      .join(u'\n');
}

}  // namespace

InferenceWorker::InferenceWorker(EngineFactory factory) : factory_(std::move(factory)) {}

void InferenceWorker::load(const Ticket& ticket, const std::filesystem::path& path, const EngineOptions& options) {
  const auto& stop = ticket.stop;
  if (stop.stop_requested()) return Q_EMIT finished(ticket);
  const auto fail = [&](const QString& details, const QString& advice) {
    Q_EMIT failed(ticket, {tr("Cannot open the model"), details, advice, ProblemId::model_not_opened});
  };
  std::chrono::steady_clock::time_point last{};
  const auto report = [&](std::string_view what, std::int64_t done, std::int64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < kSignalInterval && done < total) return;
    last = now;
    Q_EMIT progress(ticket, QString::fromUtf8(what.data(), qsizetype(what.size())), done, total);
  };
  try {
    auto engine = factory_(path, options, report, stop);
    if (stop.stop_requested()) return Q_EMIT finished(ticket);
    keep_run();
    state_.engine = std::move(engine);
    // The network of action heads alone is elsewhere: their folder tells one model there from another.
    const auto& summary = state_.engine->summary();
    model_key_ = model_key(holds_heads_only(summary.path) ? summary.path : path, summary);
    if (!trace_.active()) {
      source_.reset();
      start_rollout(state_.rollout);
    }
    Q_EMIT loaded(ticket, state_.engine->summary(), state_.engine->policy(), options);
  } catch (const Cancelled&) {
    Q_EMIT finished(ticket);
  } catch (const OutOfMemory& error) {
    fail(QString::fromUtf8(error.what()), tr("Choose a smaller number format or the CPU in the preferences."));
  } catch (const Error& error) {
    const bool is_elsewhere = !engine_address(path).isEmpty();
    fail(QString::fromUtf8(error.what()), is_elsewhere
                                              ? tr("Check the address, and that deer serve runs there.")
                                              : tr("Choose a folder with config.json and the model's weights."));
  } catch (const std::exception& error) {
    fail(to_qstring(path) + QStringLiteral(": ") + QString::fromUtf8(error.what()), {});
  }
}

void InferenceWorker::set_episode(const Ticket& rollout, FrameSourcePtr source, const QString& key) {
  close();
  source_ = std::move(source);
  start_rollout(rollout);
  if (!source_ || !state_.engine || key.isEmpty()) return;
  run_key_ = QStringList{model_key_, key, source_stamp(source_->info().path)}.join(u'\n');
  run_length_ = static_cast<std::size_t>(std::max<std::int64_t>(source_->length().value_or(0), 0));
  state_.probes = runs_.take(run_key_);
  run_is_saved_ = !state_.probes.empty();
  if (state_.probes.empty() && saved_runs_) {
    QString damage;
    state_.probes = saved_runs_->load(run_key_, state_.engine->summary(), run_length_, &damage);
    if (!damage.isEmpty()) {
      Q_EMIT warned({tr("A saved run could not be read"), damage, tr("Run the model again."), ProblemId::other});
    }
    run_is_saved_ = !state_.probes.empty();
  }
  if (state_.probes.empty()) return;
  state_.published_policy = 0;
  state_.recurrent_state_stale = true;
  Q_EMIT restored(rollout);
}

/// A part of a run is not kept: the engine could not go on after it without the frames before.
void InferenceWorker::keep_run() {
  const auto key = std::exchange(run_key_, {});
  if (!key.isEmpty() && state_.probes.size() == run_length_) runs_.keep(key, std::move(state_.probes));
}

void InferenceWorker::keep_runs_in(const std::filesystem::path& folder) {
  saved_runs_.emplace(folder);
  saving_ = std::make_unique<TaskQueue>();
}

void InferenceWorker::save_run() {
  if (!saved_runs_ || run_is_saved_ || run_key_.isEmpty() || state_.probes.size() != run_length_) return;
  run_is_saved_ = true;
  saving_->post([runs = *saved_runs_, key = run_key_, model = state_.engine->summary(),
                 records = state_.probes] { runs.save(key, model, records); },
                [] {},
                [this](const QString& problem) {
                  Q_EMIT warned({tr("The run could not be saved"), problem,
                                 tr("Its results stay until the program ends."), ProblemId::other});
                });
}

void InferenceWorker::set_live(const Ticket& rollout, LiveSource source) {
  close();
  start_rollout(rollout);
  live_.set_source(rollout, std::move(source));
}

void InferenceWorker::restart_live(const Ticket& rollout, qint64 next_frame) {
  live_.restart(next_frame);
  start_rollout(rollout);
}

void InferenceWorker::set_run(const Ticket& rollout, std::shared_ptr<const RecordedRun> run) {
  live_.end();
  source_.reset();
  trace_.set_run(std::move(run));
  start_rollout(rollout);
  state_.published_policy = 0;
}

void InferenceWorker::close() {
  live_.end();
  source_.reset();
  trace_.set_run(nullptr);
}

void InferenceWorker::start_rollout(const Ticket& rollout) {
  sender_.forget_gathered();
  keep_run();
  state_.start_rollout(rollout);
}

void InferenceWorker::advance(const AdvanceTask& task) {
  if (trace_.active()) return advance_trace(task);
  const auto& ticket = task.ticket;
  const bool live = task.run && live_.has_source();
  if (ticket.stop.stop_requested() || (!state_.engine && !live)) return Q_EMIT finished(ticket);
  try {
    if (state_.engine && !(state_.engine->policy() == task.policy)) state_.engine->set_policy(task.policy);
  } catch (const std::exception& error) {
    return Q_EMIT policy_refused(ticket, QString::fromUtf8(error.what()));
  }
  sender_.forget_gathered();
  bool replaying = true;
  std::optional<Problem> problem;
  try {
    qint64 fixed = 0;
    if (state_.published_policy != task.policy_id || state_.published < state_.probes.size()) fixed = replay_all(task);
    replaying = false;
    Q_EMIT replayed(ticket, fixed);
    if (live) {
      problem = live_.run(task, [this] { attention_.serve(); });
    } else if (task.run && source_) {
      run(task);
      save_run();
    }
  } catch (const Cancelled&) {
  } catch (const std::exception& error) {
    const auto details = QString::fromUtf8(error.what());
    if (replaying) {
      problem = {tr("The policy could not be applied to the stored results"), details, tr("Run the model again.")};
    } else {
      problem = {tr("The run stopped at frame %1").arg(state_.probes.size()), details,
                 tr("The frames before it keep their results. Each frame depends on all before it, so the run "
                    "cannot skip one that fails.")};
    }
  }
  send_gathered(task);
  if (problem) {
    Q_EMIT failed(ticket, *problem);
  } else {
    Q_EMIT finished(ticket);
  }
}

void InferenceWorker::advance_trace(const AdvanceTask& task) {
  if (task.ticket.stop.stop_requested() || !trace_.has_head()) return Q_EMIT finished(task.ticket);
  try {
    trace_.set_policy(task.policy);
  } catch (const std::exception& error) {
    return Q_EMIT policy_refused(task.ticket, QString::fromUtf8(error.what()));
  }
  try {
    const auto fixed = trace_.replay(task, state_.rollout);
    Q_EMIT replayed(task.ticket, fixed);
    Q_EMIT finished(task.ticket);
  } catch (const Cancelled&) {
    Q_EMIT finished(task.ticket);
  } catch (const std::exception& error) {
    Q_EMIT failed(task.ticket, {tr("The policy could not be applied to the trace"), QString::fromUtf8(error.what()),
                                tr("What was recorded stays as it is.")});
  }
}

qint64 InferenceWorker::replay_all(const AdvanceTask& task) {
  // Stretches between two resets are independent: the one on screen goes first.
  std::vector<std::pair<std::size_t, std::size_t>> stretches;
  for (std::size_t end = state_.probes.size(); end > 0;) {
    const auto begin = state_.stretch_start(end - 1);
    stretches.emplace_back(begin, end);
    end = begin;
  }
  std::reverse(stretches.begin(), stretches.end());
  const auto shown = std::find_if(stretches.begin(), stretches.end(), [&](const auto& s) {
    return task.focus_frame >= state_.probes[s.first]->frame && task.focus_frame <= state_.probes[s.second - 1]->frame;
  });
  if (shown != stretches.end()) std::rotate(stretches.begin(), shown, shown + 1);

  qint64 fixed = 0;
  for (const auto& [begin, end] : stretches) {
    const std::span<const FrameRecordPtr> stretch(state_.probes.data() + begin, end - begin);
    // One frame whose deeper exits never ran, and what follows it cannot be known.
    if (std::any_of(stretch.begin(), stretch.end(), [](const auto& r) { return r->mode == RunMode::policy; })) {
      fixed += static_cast<qint64>(stretch.size());
      continue;
    }
    auto replayed_records = state_.engine->replay(stretch, task.policy, task.ticket.stop);
    if (task.ticket.stop.stop_requested()) throw Cancelled();
    sender_.send_replayed(state_.rollout, task.policy_id, replayed_records, task.ticket.stop);
  }
  // Records that step() made under another policy left their mark on the engine's recurrent state.
  if (state_.published_policy != task.policy_id && !state_.probes.empty()) state_.recurrent_state_stale = true;
  state_.published_policy = task.policy_id;
  state_.published = state_.probes.size();
  return fixed;
}

void InferenceWorker::replay_open_stretch(const AdvanceTask& task) {
  const auto begin = state_.stretch_start(state_.probes.size() - 1);
  const std::span<const FrameRecordPtr> stretch(state_.probes.data() + begin, state_.probes.size() - begin);
  const auto all = state_.engine->replay(stretch, task.policy, task.ticket.stop);
  for (auto i = std::max(state_.published, begin); i < state_.probes.size(); ++i) sender_.gather(all[i - begin]);
  state_.published = state_.probes.size();
}

void InferenceWorker::run(const AdvanceTask& task) {
  const auto length = static_cast<std::size_t>(source_->length().value_or(0));
  auto next_replay = std::chrono::steady_clock::now();
  while (state_.probes.size() < length) {
    const auto index = static_cast<std::int64_t>(state_.probes.size());
    source_->prefetch(index + 1);
    FrameRecordPtr record;
    try {
      const auto seen = source_->read(index);
      if (task.ticket.stop.stop_requested()) throw Cancelled();
      const FrameInput input{index, seen->rgb_static, seen->rgb_gripper, seen->instruction};
      record = state_.engine->step(input, RunMode::probe, task.ticket.stop);
    } catch (const Cancelled&) {
      throw;
    } catch (const std::exception&) {
      if (state_.published < state_.probes.size()) replay_open_stretch(task);
      throw;
    }
    state_.probes.push_back(record);
    if (record->step == 0) {
      if (state_.recurrent_state_stale && state_.published + 1 < state_.probes.size()) {
        // The stretch before ended with frames that were not yet replayed.
        state_.probes.pop_back();
        replay_open_stretch(task);
        state_.probes.push_back(record);
      }
      state_.recurrent_state_stale = false;
    }
    if (!state_.recurrent_state_stale) {
      sender_.gather(record);
      state_.published = state_.probes.size();
    } else if (std::chrono::steady_clock::now() >= next_replay || state_.probes.size() == length) {
      const auto began = std::chrono::steady_clock::now();
      replay_open_stretch(task);
      const auto ended = std::chrono::steady_clock::now();
      next_replay = ended + 4 * (ended - began);  // at most a fifth of the time goes into replaying
    }
    if (sender_.due()) send_gathered(task);
    attention_.serve();
  }
}

}  // namespace deer
