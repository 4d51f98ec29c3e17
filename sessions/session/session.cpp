// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/session/session.h"

#include <algorithm>

#include "sessions/base/paths.h"
#include "sessions/frames/playback.h"
#include "sessions/session/model_queries.h"
#include "sessions/session/session_private.h"

namespace deer {

Session::Session(EngineFactory factory, SourceOpener opener, QObject* parent)
    : PlayedFrames(parent),
      core_(std::make_unique<SessionCore>(this, std::move(factory), std::move(opener))),
      selection_(std::make_unique<Selection>(this)),
      queries_(std::make_unique<ModelQueries>(core_.get())),
      playback_(std::make_unique<Playback>(this)) {
  connect(selection_.get(), &Selection::hovered_frame_changed, &core_->trace, &TraceSession::want_features);
}

Session::~Session() = default;

EpisodeFrames* Session::frames() const { return &core_->frames; }
LiveSession* Session::live() const { return &core_->live; }
TraceSession* Session::trace() const { return &core_->trace; }
Selection* Session::selection() const { return selection_.get(); }
ModelQueries* Session::queries() const { return queries_.get(); }
Playback* Session::playback() const { return playback_.get(); }

void Session::open_model(const std::filesystem::path& path, const EngineOptions& options) {
  // A live run resumes with the new model.
  core_->run_wanted = core_->run_wanted && core_->live.is_open();
  core_->begin_load(path, options);
}

const ModelSummary* Session::model() const { return core_->shown_model(); }

const EngineOptions& Session::engine_options() const {
  return core_->trace.is_open() ? core_->trace.head_options_ : core_->model.options;
}

void Session::open_source(const std::filesystem::path& path, const OpenSourceOptions& options,
                          std::size_t first_episode) {
  const auto name = to_qstring(path.filename().empty() ? path.parent_path() : path.filename());
  const auto ticket = core_->begin_opening(tr("Opening %1").arg(name), options);
  core_->source_opening.open(ticket, path, options, first_episode);
}

const EpisodeCollection* Session::collection() const { return core_->source.collection.get(); }
const OpenSourceOptions& Session::source_options() const { return core_->source.options; }

void Session::open_episode(std::size_t index) {
  if (!core_->source.collection) return;
  const auto ticket = core_->begin_opening(tr("Opening episode %1").arg(index + 1), core_->source.options);
  core_->source_opening.open_episode(ticket, core_->source.collection, index);
}

std::optional<std::size_t> Session::episode_index() const { return core_->source.episode_index; }
const FrameSource* Session::episode() const { return core_->source.episode.get(); }

qint64 Session::frame_count() const { return core_->frame_count(); }
qint64 Session::current_frame() const { return core_->frame; }
double Session::frames_per_second() const { return episode() ? episode()->info().frames_per_second : 0; }

void Session::set_current_frame(qint64 frame) {
  if (frame_count() == 0) return;
  frame = std::clamp<qint64>(frame, 0, frame_count() - 1);
  core_->live.set_following(frame == frame_count() - 1);
  core_->move_to(frame);
}

FrameRecordPtr Session::record(qint64 frame) const { return core_->record(frame); }

bool Session::records_current() const { return core_->records.evaluated == 0 || core_->policies.shows_wanted(); }
qint64 Session::evaluated_count() const { return core_->records.evaluated; }
qint64 Session::fixed_count() const { return core_->records.fixed; }

const ExitPolicy& Session::policy() const { return core_->policies.wanted().policy; }

void Session::set_policy(const ExitPolicy& policy) {
  if (policy == this->policy()) return;
  core_->change_policy(policy);
}

void Session::run_episode() {
  auto& core = *core_;
  // While another episode is being opened, the run is for that one.
  if (core.trace.is_open() && !core.opening.active) {
    if (!core.trace.reading() && evaluated_count() < frame_count()) core.trace.read_records();
    return;
  }
  if (core.live.ended() && !core.opening.active) {
    return core.report({tr("The live run has ended"), tr("Its frames stay, but no more will come."),
                        tr("Open the simulated world, or another source, again.")});
  }
  if (!core.can_run() && core.job != SessionCore::Job::load) {
    return core.report({tr("There is no model to run"),
                        core.live.is_open() ? tr("The arm is moved by a model, and none is open.")
                                            : tr("An episode can be run once a model is open."),
                        tr("Open a model first."), ProblemId::no_model});
  }
  if (!core.source.episode && !core.opening.active) {
    return core.report({tr("There is no episode to run"), tr("A model can be run once an episode is open."),
                        tr("Open a dataset, a folder of images or a video first."), ProblemId::no_episode});
  }
  if (core.run_wanted) return;
  core.run_wanted = true;
  core.start_run_if_ready();
}

void Session::keep_runs_in(const std::filesystem::path& folder) {
  core_->post([worker = core_->worker, folder] { worker->keep_runs_in(folder); });
}

void Session::cancel() {
  core_->run_wanted = false;
  core_->policy_timer.stop();
  core_->opening.active = false;
  core_->opening.request.cancel();  // a late answer is not wanted any more
  if (core_->trace.reading()) core_->trace.stop_reading();
  core_->stop_worker();
  core_->notify();
}

Session::Activity Session::activity() const {
  if (core_->job == SessionCore::Job::load) return Activity::loading_model;
  if (core_->opening.active) return Activity::opening_source;
  if (core_->job == SessionCore::Job::advance) {
    return core_->replaying ? Activity::replaying : core_->live.is_open() ? Activity::live : Activity::running;
  }
  return core_->trace.reading() ? Activity::reading : Activity::idle;
}

Session::Progress Session::progress() const { return core_->progress(); }

}  // namespace deer
