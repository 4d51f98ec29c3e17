// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/session/session.h"

#include <algorithm>

#include "sessions/base/paths.h"
#include "sessions/session/session_private.h"

namespace deer {

Session::Session(EngineFactory factory, SourceOpener opener, QObject* parent) : PlayedFrames(parent) {
  d_ = std::make_unique<Private>(this, std::move(factory), std::move(opener));
  d_->playback = new Playback(this, {}, this);
}

Session::~Session() {
  delete d_->playback;
  d_->playback = nullptr;
}

void Session::open_model(const std::filesystem::path& path, const EngineOptions& options) {
  // A live run goes on with the new model.
  d_->run_wanted = d_->run_wanted && d_->live;
  d_->begin_load(path, options);
}

const ModelSummary* Session::model() const { return d_->shown_model(); }
const EngineOptions& Session::engine_options() const { return d_->run ? d_->head_options : d_->options; }

void Session::open_source(const std::filesystem::path& path, const OpenSourceOptions& options,
                          std::size_t first_episode) {
  d_->source_options_wanted = options;
  d_->opening_what = tr("Opening %1").arg(to_qstring(path.filename().empty() ? path.parent_path() : path.filename()));
  d_->begin_opening();
  d_->loader.open(d_->open_request, path, options, first_episode);
}

const EpisodeCollection* Session::collection() const { return d_->collection.get(); }
const OpenSourceOptions& Session::source_options() const { return d_->source_options; }

void Session::open_episode(std::size_t index) {
  if (!d_->collection) return;
  d_->source_options_wanted = d_->source_options;
  d_->opening_what = tr("Opening episode %1").arg(index + 1);
  d_->begin_opening();
  d_->loader.open_episode(d_->open_request, d_->collection, index);
}

std::optional<std::size_t> Session::episode_index() const { return d_->episode_index; }
const FrameSource* Session::episode() const { return d_->episode.get(); }

qint64 Session::frame_count() const { return static_cast<qint64>(d_->records.size()); }
qint64 Session::current_frame() const { return d_->frame; }
double Session::frames_per_second() const { return d_->episode ? d_->episode->info().frames_per_second : 0; }

void Session::set_current_frame(qint64 frame) {
  if (frame_count() == 0) return;
  frame = std::clamp<qint64>(frame, 0, frame_count() - 1);
  d_->following = frame == frame_count() - 1;
  d_->move_to(frame);
}

ObservationPtr Session::observation(qint64 frame) {
  return d_->live ? d_->live_frames.observation(frame) : d_->loader.observation(frame);
}

QString Session::frame_problem(qint64 frame) const {
  if (d_->run && d_->loader.problem(frame).isEmpty()) return trace_picture_problem(frame);
  if (!d_->live) return d_->loader.problem(frame);
  if (!d_->live_frames.picture_dropped(frame)) return {};
  return tr("This frame was evicted from memory. Raise the limit in Preferences.");
}

void Session::set_cache_bytes(std::size_t bytes) {
  d_->loader.set_cache_bytes(bytes);
  d_->live_frames.set_room(bytes);
}

FrameRecordPtr Session::record(qint64 frame) const {
  if (frame < 0 || frame >= frame_count()) return nullptr;
  return d_->records[static_cast<std::size_t>(frame)];
}

bool Session::records_current() const { return d_->evaluated == 0 || d_->replayed_policy_id == d_->policy_id; }
qint64 Session::evaluated_count() const { return d_->evaluated; }

std::optional<qint64> Session::exit_change(qint64 frame, int direction) const {
  const qint64 step = direction < 0 ? -1 : 1;
  FrameRecordPtr near = record(frame);
  for (qint64 i = frame + step; i >= 0 && i < frame_count(); i += step) {
    const auto here = record(i);
    if (!here) continue;
    if (near && here->exit_layer != near->exit_layer) return i;
    near = here;
  }
  return std::nullopt;
}

qint64 Session::hovered_frame() const { return d_->hovered; }

void Session::set_hovered_frame(qint64 frame) {
  if (frame < 0 || frame >= frame_count()) frame = -1;
  if (frame == d_->hovered) return;
  d_->hovered = frame;
  if (d_->run) d_->want_features();
  Q_EMIT hovered_frame_changed(frame);
}

int Session::selected_exit() const { return d_->selected_exit; }

void Session::set_selected_exit(int exit_index) {
  const auto* const shown = model();
  const int count = shown ? static_cast<int>(shown->exit_layers.size()) : 0;
  if (exit_index < 0 || exit_index >= count) exit_index = -1;
  if (exit_index == d_->selected_exit) return;
  d_->selected_exit = exit_index;
  Q_EMIT selected_exit_changed(exit_index);
}

const ExitPolicy& Session::policy() const { return d_->policy; }

void Session::set_policy(const ExitPolicy& policy) {
  if (policy == d_->policy) return;
  d_->policy = policy;
  d_->policy_id = ++d_->policy_count;
  Q_EMIT policy_changed();
  if (!d_->can_replay() || d_->job == Private::Job::load) return;
  if (d_->live_runs()) return d_->post_policy();
  // While a slider is dragged, let a replay that has just begun show its result before the next one.
  constexpr qint64 kPatienceMs = 250;
  const bool recent_replay = d_->job == Private::Job::advance && d_->replaying && d_->job_clock.elapsed() < kPatienceMs;
  if (recent_replay) {
    if (!d_->policy_timer.isActive()) d_->policy_timer.start(int(kPatienceMs - d_->job_clock.elapsed()));
    return;
  }
  d_->begin_advance(d_->run_wanted);
}

void Session::compare(const ExitPolicy& other) {
  d_->compare_stop.request_stop();
  d_->compare_stop = {};
  InferenceWorker::Compare task;
  task.number = ++d_->compare_number;
  task.present = d_->policy;
  task.other = other;
  task.stop = d_->compare_stop.get_token();
  QMetaObject::invokeMethod(
      d_->worker, [w = d_->worker, task] { w->compare(task); }, Qt::QueuedConnection);
}

void Session::run_episode() {
  // While another episode is being opened, the run is for that one.
  if (d_->run && !d_->opening) {
    if (!d_->reading && d_->evaluated < frame_count()) d_->read_records();
    return;
  }
  if (live_ended() && !d_->opening) {
    return d_->report({tr("The live run has ended"), tr("Its frames stay, but no more will come."),
                       tr("Open the simulated world, or another source, again.")});
  }
  if (!d_->summary && d_->job != Private::Job::load && !d_->watches()) {
    return d_->report({tr("There is no model to run"),
                       d_->live ? tr("The arm is moved by a model, and none is open.")
                                : tr("An episode can be run once a model is open."),
                       tr("Open a model first."), ProblemId::no_model});
  }
  if (!d_->episode && !d_->opening) {
    return d_->report({tr("There is no episode to run"), tr("A model can be run once an episode is open."),
                       tr("Open a dataset, a folder of images or a video first."), ProblemId::no_episode});
  }
  if (d_->run_wanted) return;
  d_->run_wanted = true;
  d_->start_run_if_ready();
}

void Session::cancel() {
  d_->run_wanted = false;
  d_->policy_timer.stop();
  d_->opening = false;
  ++d_->open_request;  // a late answer is not wanted any more
  if (std::exchange(d_->reading, false)) d_->record_loader.stop();
  d_->stop_worker();
  d_->notify();
}

Session::Activity Session::activity() const {
  if (d_->job == Private::Job::load) return Activity::loading_model;
  if (d_->opening) return Activity::opening_source;
  if (d_->job == Private::Job::advance) {
    return d_->replaying ? Activity::replaying : d_->live ? Activity::live : Activity::running;
  }
  if (d_->reading) return Activity::reading;
  return Activity::idle;
}

QString Session::activity_text() const { return d_->progress_text(); }

double Session::progress() const {
  switch (activity()) {
    case Activity::loading_model:
      return d_->load_total > 0 ? double(d_->load_done) / double(d_->load_total) : -1;
    case Activity::running:
    case Activity::reading:
      return frame_count() > 0 ? double(d_->evaluated) / double(frame_count()) : -1;
    default:
      return -1;
  }
}

QStringList Session::warnings() const {
  QStringList lines;
  if (!d_->collection) return lines;
  for (const auto& line : d_->collection->warnings()) lines << QString::fromStdString(line);
  return lines;
}

Playback* Session::playback() const { return d_->playback; }

}  // namespace deer
