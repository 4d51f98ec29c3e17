// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/session/session_private.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sessions/base/engine_paths.h"
#include "sessions/base/paths.h"
#include "sessions/session/source_key.h"

namespace deer {

SessionCore::SessionCore(Session* session, EngineFactory factory, SourceOpener opener)
    : q(session),
      worker(new InferenceWorker(std::move(factory))),
      source_opening(std::move(opener)),
      live(this),
      trace(this) {
  thread.setObjectName(QStringLiteral("inference"));
  worker->moveToThread(&thread);
  connect(worker, &InferenceWorker::loaded, this, &SessionCore::on_loaded);
  connect(worker, &InferenceWorker::progress, this, &SessionCore::on_load_progress);
  connect(worker, &InferenceWorker::restored, this, &SessionCore::on_restored);
  connect(worker, &InferenceWorker::warned, this, &SessionCore::report);
  connect(worker, &InferenceWorker::replayed, this, &SessionCore::on_replayed);
  connect(worker, &InferenceWorker::finished, this, &SessionCore::on_finished);
  connect(worker, &InferenceWorker::failed, this, &SessionCore::on_failed);
  connect(worker, &InferenceWorker::policy_refused, this, &SessionCore::on_policy_refused);
  connect(worker->sender(), &RecordSender::records, this, &SessionCore::on_records);
  connect(&source_opening, &SourceOpening::opened, this, &SessionCore::on_opened);
  connect(&source_opening, &SourceOpening::open_failed, this, &SessionCore::on_open_failed);
  policy_timer.setSingleShot(true);
  connect(&policy_timer, &QTimer::timeout, this, [this] {
    if (job == Job::advance && !policies.sent_is_wanted()) begin_advance(run_wanted);
  });
  thread.start();
}

SessionCore::~SessionCore() {
  command.cancel();
  trace.head_request_.cancel();
  disconnect(worker, nullptr, this, nullptr);
  retire(std::move(source.episode));
  trace.run_.reset();
  post([w = worker] {
    w->close();
    QThread::currentThread()->quit();
  });
  thread.wait();
  delete worker;
}

void SessionCore::retire(std::shared_ptr<void> held) {
  if (held) post([old = std::move(held)]() mutable { old.reset(); });
}

void SessionCore::stop_worker() {
  command.cancel();
  finish_job();
}

void SessionCore::finish_job() {
  job = Job::none;
  replaying = false;
  live.run_ended();
}

void SessionCore::begin_load(const std::filesystem::path& path, const EngineOptions& wanted) {
  stop_worker();
  policy_timer.stop();
  job = Job::load;
  const auto engine = engine_address(path);
  const auto name = path.filename().empty() ? path.parent_path().filename() : path.filename();
  loading = {engine.isEmpty() ? to_qstring(name) : engine, {}, 0, 0};
  job_clock.start();
  post([w = worker, ticket = command.newest(), path, wanted] { w->load(ticket, path, wanted); });
  notify();
}

void SessionCore::begin_advance(bool run_frames) {
  stop_worker();
  policy_timer.stop();
  job = Job::advance;
  // Frames whose records are under this policy already need no replay; then this phase is over at once.
  replaying = !run_frames || (records.evaluated > 0 && !policies.shows_wanted());
  sent_run = run_frames;
  policies.send();
  run_began_with = records.evaluated;
  job_clock.start();
  AdvanceTask task;
  task.ticket = command.newest();
  task.policy_id = policies.sent().id;
  task.policy = policies.sent().policy;
  task.run = run_frames;
  task.preview = run_frames && live.is_open() && !can_run();
  if (live.is_open() && run_frames) task.control = live.control_of_new_run();
  task.focus_frame = frame;
  post([w = worker, task] { w->advance(task); });
  notify();
}

Ticket SessionCore::begin_opening(const QString& what, const OpenSourceOptions& options) {
  opening.what = what;
  opening.options = options;
  run_wanted = false;
  if (job == Job::advance) stop_worker();
  opening.active = true;
  const auto ticket = opening.request.issue();
  notify();
  return ticket;
}

void SessionCore::change_policy(const ExitPolicy& policy) {
  policies.want(policy);
  Q_EMIT q->policy_changed();
  if (!can_replay() || job == Job::load) return;
  if (live.running()) return live.post_policy();
  // While a slider is dragged, let a replay that has just begun show its result before the next one.
  constexpr qint64 kPatienceMs = 250;
  const bool recent_replay = job == Job::advance && replaying && job_clock.elapsed() < kPatienceMs;
  if (recent_replay) {
    if (!policy_timer.isActive()) policy_timer.start(int(kPatienceMs - job_clock.elapsed()));
    return;
  }
  begin_advance(run_wanted);
}

void SessionCore::report_refused_policy(const QString& reason) {
  report(
      {Session::tr("The policy does not fit the model"), reason, Session::tr("The previous policy remains active.")});
}

void SessionCore::catch_up() {
  if (job == Job::none && can_replay() && source.episode && records.evaluated > 0 && !policies.shows_wanted()) {
    begin_advance(run_wanted);
  }
}

void SessionCore::start_run_if_ready() {
  if (!run_wanted || trace.is_open() || !can_run() || !source.episode || opening.active || job != Job::none) return;
  begin_advance(true);
}

void SessionCore::move_to(qint64 to) {
  if (to == frame) return;
  direction = to < frame ? -1 : 1;
  frame = to;
  q->selection()->set_hovered_frame(-1);  // the views follow the current frame until the pointer moves again
  trace.want_features();
  frames.look_ahead(frame, direction);
  Q_EMIT q->current_frame_changed(frame);
}

FrameRecordPtr SessionCore::record(qint64 at) const {
  if (at < 0 || at >= frame_count()) return nullptr;
  return records.all[static_cast<std::size_t>(at)];
}

void SessionCore::set_record(FrameRecordPtr record) {
  auto& slot = records.all[static_cast<std::size_t>(record->frame)];
  if (!slot) ++records.evaluated;
  slot = std::move(record);
}

void SessionCore::forget_episode() {
  source.episode_index.reset();
  records = {};
  policies.set_shown(policies.wanted().id);
  frame = -1;
  q->selection()->hovered_ = -1;
  direction = 1;
}

void SessionCore::use_episode(FrameSourcePtr episode, std::optional<std::size_t> index) {
  const auto length = episode ? episode->length().value_or(0) : 0;
  auto next_run = std::dynamic_pointer_cast<const RecordedRun>(episode);
  live.close();
  auto before = std::exchange(source.episode, std::move(episode));
  frames.show(source.episode);
  if (job == Job::advance) stop_worker();
  const bool had_records = records.evaluated > 0;
  forget_episode();
  source.episode_index = index;
  records.all.assign(static_cast<std::size_t>(std::max<std::int64_t>(length, 0)), nullptr);
  if (!records.all.empty()) frame = 0;
  const bool other_model = trace.change(std::move(next_run));
  start_rollout();
  if (had_records && frame >= 0) Q_EMIT q->records_changed(0, frame_count() - 1);
  retire(std::move(before));
  if (other_model) announce_model();
  Q_EMIT q->episode_changed();
  if (frame < 0) return;
  trace.read_records();
  frames.look_ahead(frame, 1);
}

void SessionCore::start_rollout() {
  const auto had = records.evaluated;
  std::fill(records.all.begin(), records.all.end(), nullptr);
  records.evaluated = records.fixed = 0;
  live.several_policies_ = false;
  policies.set_shown(trace.is_open() ? trace.recorded_policy_id_ : policies.wanted().id);
  const auto ticket = rollout.issue();
  if (trace.is_open()) {
    post([w = worker, ticket, run = trace.run_] { w->set_run(ticket, run); });
  } else if (live.is_open()) {
    post([w = worker, ticket, next = frame_count()] { w->restart_live(ticket, next); });
  } else {
    const auto key = source_key(source.collection.get(), source.options, source.episode_index);
    post([w = worker, ticket, episode = source.episode, key] { w->set_episode(ticket, episode, key); });
  }
  if (had > 0 && !records.all.empty()) Q_EMIT q->records_changed(0, frame_count() - 1);
}

void SessionCore::on_loaded(const Ticket& ticket, const ModelSummary& summary, const ExitPolicy& policy,
                            const EngineOptions& options) {
  if (live.is_open() && records.evaluated > 0) Q_EMIT live.records_leaving();
  // The engine has changed even if this answer is late, so that it must be known here in any case.
  model.summary = summary;
  model.options = options;
  if (command.is_current(ticket)) job = Job::none;
  if (trace.is_open()) return trace.on_other_model_loaded(policy);
  policies.start_with(policy);
  start_rollout();
  announce_model();
  start_run_if_ready();
  notify();
}

void SessionCore::on_load_progress(const Ticket& ticket, const QString& what, qint64 done, qint64 total) {
  if (!command.is_current(ticket) || job != Job::load) return;
  loading.what = what;
  loading.done = done;
  loading.total = total;
  notify();
}

void SessionCore::on_records(const Ticket& from_rollout, quint64 policy_id, const std::vector<FrameRecordPtr>& batch) {
  worker->sender()->taken();
  if (!rollout.is_current(from_rollout) || policy_id != policies.sent().id) return;
  qint64 first = frame_count();
  qint64 last = -1;
  for (const auto& one : batch) {
    if (!one || one->frame < 0 || one->frame >= frame_count()) continue;
    set_record(one);
    first = std::min<qint64>(first, one->frame);
    last = std::max<qint64>(last, one->frame);
  }
  if (last < 0) return;
  Q_EMIT q->records_changed(first, last);
  trace.want_features();
  if (job == Job::advance && !replaying) notify();
}

void SessionCore::on_restored(const Ticket& from_rollout) {
  if (rollout.is_current(from_rollout) && job == Job::none) begin_advance(run_wanted);
}

void SessionCore::on_replayed(const Ticket& ticket, qint64 fixed_records) {
  if (!command.is_current(ticket)) return;
  if (replaying) {
    records.fixed = fixed_records;
    live.several_policies_ = false;
  }
  policies.applied();
  replaying = false;
  run_began_with = records.evaluated;
  job_clock.start();
  if (!policies.sent_is_wanted()) {
    if (!live.running()) return begin_advance(run_wanted);
    live.post_policy();
  }
  notify();
}

void SessionCore::on_finished(const Ticket& ticket) {
  if (!command.is_current(ticket)) return;
  if (job == Job::advance && sent_run) run_wanted = false;
  finish_job();
  policy_timer.stop();
  catch_up();
  start_run_if_ready();
  notify();
}

void SessionCore::on_failed(const Ticket& ticket, const Problem& what) {
  if (!command.is_current(ticket)) return;
  const bool was_loading = job == Job::load;
  finish_job();
  policy_timer.stop();
  if (was_loading) {
    // The model before is still there: resume what was asked for in the meantime.
    run_wanted = run_wanted && can_run();
    catch_up();
    start_run_if_ready();
  } else {
    run_wanted = false;
  }
  notify();
  report(what);
}

void SessionCore::on_policy_refused(const Ticket& ticket, const QString& reason) {
  if (!command.is_current(ticket)) return;
  finish_job();
  policy_timer.stop();
  policies.sent_refused();
  Q_EMIT q->policy_changed();
  catch_up();
  start_run_if_ready();
  notify();
  report_refused_policy(reason);
}

void SessionCore::on_opened(const Ticket& ticket, std::shared_ptr<const EpisodeCollection> opened, std::size_t index,
                            FrameSourcePtr episode, const Problem& what) {
  if (!opening.request.is_current(ticket) || !opening.active) return;
  opening.active = false;
  if (!episode && opened == source.collection && source.episode) {
    // The episode before stays.
    run_wanted = false;
    catch_up();
    notify();
    return report(what);
  }
  if (opened != source.collection) {
    std::swap(source.collection, opened);
    retire(std::const_pointer_cast<EpisodeCollection>(opened));
    source.options = opening.options;
    source.episode.reset();
    source.episode_index.reset();
    Q_EMIT q->collection_changed();
  }
  const bool failed = episode == nullptr;
  use_episode(std::move(episode), failed ? std::nullopt : std::optional(index));
  if (failed) run_wanted = false;
  start_run_if_ready();
  notify();
  if (failed) report(what);
}

void SessionCore::on_open_failed(const Ticket& ticket, const Problem& what) {
  if (!opening.request.is_current(ticket) || !opening.active) return;
  opening.active = false;
  run_wanted = run_wanted && source.episode;
  catch_up();
  start_run_if_ready();
  notify();
  report(what);
}

void SessionCore::announce_model() {
  q->selection()->exit_ = -1;
  Q_EMIT q->model_changed();
  Q_EMIT q->policy_changed();
  Q_EMIT q->selection()->selected_exit_changed(-1);
}

QString SessionCore::running_text() const {
  const auto total = frame_count();
  auto text = Session::tr("Running the model: %1 of %2 frames").arg(records.evaluated).arg(total);
  const auto done = records.evaluated - run_began_with;
  const auto elapsed_s = double(job_clock.elapsed()) / 1000.0;
  if (done < 2 || elapsed_s < 1.0) return text;
  const auto left_s = static_cast<qint64>(std::ceil(elapsed_s / double(done) * double(total - records.evaluated)));
  if (left_s >= 90) return text + Session::tr(", about %1 min left").arg((left_s + 30) / 60);
  return text + Session::tr(", about %1 s left").arg(std::max<qint64>(left_s, 1));
}

Session::Progress SessionCore::progress() const {
  const auto part = [](qint64 done, qint64 total) { return total > 0 ? double(done) / double(total) : -1; };
  switch (q->activity()) {
    case Session::Activity::loading_model:
      return {loading.what.isEmpty() ? Session::tr("Opening %1").arg(loading.name)
                                     : Session::tr("Opening %1: %2").arg(loading.name, loading.what),
              part(loading.done, loading.total)};
    case Session::Activity::opening_source:
      return {opening.what};
    case Session::Activity::running:
      return {running_text(), part(records.evaluated, frame_count())};
    case Session::Activity::live:
      return {Session::tr("Live: %1 frames").arg(frame_count())};
    case Session::Activity::replaying:
      return {Session::tr("Applying the policy to %1 frames").arg(records.evaluated)};
    case Session::Activity::reading:
      return {Session::tr("Reading the trace: %1 of %2 frames").arg(records.evaluated).arg(frame_count()),
              part(records.evaluated, frame_count())};
    case Session::Activity::idle:
      break;
  }
  return {};
}

}  // namespace deer
