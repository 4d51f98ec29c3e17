// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/session/session_private.h"

#include <algorithm>
#include <cmath>

#include "sessions/base/paths.h"

namespace deer {

Session::Private::Private(Session* session, EngineFactory factory, SourceOpener opener)
    : q(session),
      worker(new InferenceWorker(std::move(factory))),
      loader(std::move(opener)),
      live_frames(SourceLoader::kDefaultCacheBytes) {
  thread.setObjectName(QStringLiteral("inference"));
  worker->moveToThread(&thread);
  connect(worker, &InferenceWorker::loaded, this, &Private::on_loaded);
  connect(worker, &InferenceWorker::records, this, &Private::on_records);
  connect(worker, &InferenceWorker::replayed, this, &Private::on_replayed);
  connect(worker, &InferenceWorker::finished, this, &Private::on_finished);
  connect(worker, &InferenceWorker::failed, this, &Private::on_failed);
  connect(worker, &InferenceWorker::policy_refused, this, &Private::on_policy_refused);
  connect(worker, &InferenceWorker::progress, this, [this](quint64 from, const QString& what, qint64 done, qint64 all) {
    if (from != command || job != Job::load) return;
    load_what = what;
    load_done = done;
    load_total = all;
    notify();
  });
  connect(worker, &InferenceWorker::live_frames, this, &Private::on_live_frames);
  connect(worker, &InferenceWorker::live_policy_taken, this, &Private::on_live_policy_taken);
  connect(worker, &InferenceWorker::live_policy_refused, this, &Private::on_live_policy_refused);
  connect(worker, &InferenceWorker::live_ended, this, &Private::on_live_ended);
  connect(worker, &InferenceWorker::live_stood, this, &Private::on_live_stood);
  connect(worker, &InferenceWorker::compared, this, [this](quint64 number, const auto& flips) {
    if (number == compare_number) Q_EMIT q->compared(flips);
  });
  connect(worker, &InferenceWorker::attended, this, [this](quint64 number, const AttentionMapPtr& map) {
    if (number == attend_number) Q_EMIT q->attended(map);
  });
  connect(worker, &InferenceWorker::attend_failed, this, [this](quint64 number, const QString& reason) {
    if (number == attend_number) Q_EMIT q->attend_failed(reason);
  });
  connect(worker, &InferenceWorker::compare_failed, this, [this](quint64 number, const QString& reason) {
    if (number == compare_number) Q_EMIT q->compare_failed(reason);
  });
  connect(worker, &InferenceWorker::live_report, this, &Private::on_live_report);
  connect(worker, &InferenceWorker::head_loaded, this, &Private::on_head_loaded);
  connect(worker, &InferenceWorker::head_missing, this, &Private::on_head_missing);
  connect(&record_loader, &RecordLoader::records, this, &Private::on_read);
  connect(&record_loader, &RecordLoader::features, this, &Private::on_features);
  connect(&record_loader, &RecordLoader::failed, this, [this](quint64 number, const QString& details) {
    if (number != run_number) return;
    report({tr("Some frames of the trace cannot be read"), details, tr("All others are shown.")});
  });
  connect(&record_loader, &RecordLoader::finished, this, [this](quint64 number) {
    if (number != run_number) return;
    reading = false;
    notify();
  });
  connect(&loader, &SourceLoader::opened, this, &Private::on_opened);
  connect(&loader, &SourceLoader::live_opened, this, &Private::on_live_opened);
  connect(&loader, &SourceLoader::open_failed, this, [this](quint64 request, const Problem& what) {
    if (request != open_request || !opening) return;
    opening = false;
    run_wanted = run_wanted && episode;
    catch_up();
    start_run_if_ready();
    notify();
    report(what);
  });
  connect(&loader, &SourceLoader::ready, q, &Session::observation_ready);
  policy_timer.setSingleShot(true);
  connect(&policy_timer, &QTimer::timeout, this, [this] {
    if (job == Job::advance && sent_policy_id != policy_id) begin_advance(run_wanted);
  });
  thread.start();
}

Session::Private::~Private() {
  stop.request_stop();
  compare_stop.request_stop();
  head_stop.request_stop();
  attend_stop.request_stop();
  disconnect(worker, nullptr, this, nullptr);
  retire(std::move(episode));
  run.reset();
  QMetaObject::invokeMethod(
      worker,
      [w = worker] {
        w->end_live();
        w->set_run(0, nullptr);
        QThread::currentThread()->quit();
      },
      Qt::QueuedConnection);
  thread.wait();
  delete worker;
}

void Session::Private::stop_worker() {
  stop.request_stop();
  stop = std::stop_source();
  ++command;
  job = Job::none;
  replaying = false;
  live_rate_hz = 0;
}

void Session::Private::begin_load(const std::filesystem::path& path, const EngineOptions& wanted) {
  stop_worker();
  policy_timer.stop();
  job = Job::load;
  load_name = to_qstring(path.filename().empty() ? path.parent_path().filename() : path.filename());
  load_what.clear();
  load_done = load_total = 0;
  job_clock.start();
  QMetaObject::invokeMethod(
      worker, [w = worker, id = command, path, wanted, token = stop.get_token()] { w->load(id, path, wanted, token); },
      Qt::QueuedConnection);
  notify();
}

void Session::Private::begin_advance(bool run_frames) {
  stop_worker();
  policy_timer.stop();
  job = Job::advance;
  // Frames whose records are under this policy already need no replay; then this phase is over at once.
  replaying = !run_frames || (evaluated > 0 && replayed_policy_id != policy_id);
  sent_run = run_frames;
  sent_policy = policy;
  sent_policy_id = policy_id;
  run_began_with = evaluated;
  job_clock.start();
  InferenceWorker::Advance task;
  task.command = command;
  task.policy_id = policy_id;
  task.policy = policy;
  task.run = run_frames;
  task.preview = run_frames && live && !summary && !watches();
  if (live && run_frames) {
    // One for each run: what is said to this one does not reach the one that is just ending.
    const auto before = std::exchange(live_control, std::make_shared<LiveControl>());
    live_control->set_policy(policy, policy_id);
    live_control->set_mode(live_mode);
    live_control->set_guard(live_guard);
    if (auto text = before->take_instruction()) live_control->instruct(std::move(*text));
    task.control = live_control;
  }
  task.focus_frame = frame;
  task.stop = stop.get_token();
  QMetaObject::invokeMethod(
      worker, [w = worker, task] { w->advance(task); }, Qt::QueuedConnection);
  notify();
}

void Session::Private::begin_opening() {
  run_wanted = false;
  if (job == Job::advance) stop_worker();
  opening = true;
  ++open_request;
  notify();
}

void Session::Private::catch_up() {
  if (job == Job::none && can_replay() && episode && evaluated > 0 && replayed_policy_id != policy_id) {
    begin_advance(run_wanted);
  }
}

void Session::Private::start_run_if_ready() {
  if (!run_wanted || run || !(summary || watches()) || !episode || opening || job != Job::none) return;
  begin_advance(true);
}

void Session::Private::use_episode(FrameSourcePtr source, std::optional<std::size_t> index) {
  const auto length = source ? source->length().value_or(0) : 0;
  auto next_run = std::dynamic_pointer_cast<const RecordedRun>(source);
  live = false;
  live_report = {};
  live_started_at.reset();
  live_frames.clear();
  auto before = std::exchange(episode, std::move(source));
  episode_index = index;
  loader.set_source(episode);
  if (job == Job::advance) stop_worker();
  records.assign(static_cast<std::size_t>(std::max<std::int64_t>(length, 0)), nullptr);
  frame = records.empty() ? -1 : 0;
  hovered = -1;
  direction = 1;
  const bool other_model = change_run(std::move(next_run));
  start_rollout();
  retire(std::move(before));
  if (other_model) announce_model();
  Q_EMIT q->episode_changed();
  if (frame < 0) return;
  read_records();
  loader.observation(frame);
  loader.look_ahead(frame, 1);
}

void Session::Private::start_rollout() {
  const auto had = evaluated;
  std::fill(records.begin(), records.end(), nullptr);
  evaluated = 0;
  fixed = 0;
  several_policies = false;
  replayed_policy_id = run ? recorded_policy_id : policy_id;
  ++rollout;
  if (run) {
    QMetaObject::invokeMethod(
        worker, [w = worker, id = rollout, recorded = run] { w->set_run(id, recorded); }, Qt::QueuedConnection);
  } else if (live) {
    QMetaObject::invokeMethod(
        worker, [w = worker, id = rollout, next = static_cast<qint64>(records.size())] { w->restart_live(id, next); },
        Qt::QueuedConnection);
  } else {
    QMetaObject::invokeMethod(
        worker, [w = worker, id = rollout, source = episode] { w->set_episode(id, source); }, Qt::QueuedConnection);
  }
  if (had > 0 && !records.empty()) Q_EMIT q->records_changed(0, static_cast<qint64>(records.size()) - 1);
}

void Session::Private::on_loaded(quint64 from, const ModelSummary& loaded_summary, const ExitPolicy& model_policy,
                                 const EngineOptions& loaded_options) {
  // The engine has changed even if this answer is late, so that it must be known here in any case.
  summary = loaded_summary;
  options = loaded_options;
  if (from == command) job = Job::none;
  if (run) return on_loaded_beside_trace(model_policy);
  policy = accepted_policy = model_policy;
  accepted_policy_id = policy_id = ++policy_count;
  start_rollout();
  announce_model();
  start_run_if_ready();
  notify();
}

void Session::Private::on_records(quint64 from_rollout, quint64 from_policy, const std::vector<FrameRecordPtr>& batch) {
  worker->records_taken();
  if (from_rollout != rollout || from_policy != sent_policy_id) return;
  qint64 first = static_cast<qint64>(records.size());
  qint64 last = -1;
  for (const auto& one : batch) {
    if (!one || one->frame < 0 || one->frame >= static_cast<qint64>(records.size())) continue;
    auto& slot = records[static_cast<std::size_t>(one->frame)];
    if (!slot) ++evaluated;
    slot = one;
    first = std::min<qint64>(first, one->frame);
    last = std::max<qint64>(last, one->frame);
  }
  if (last < 0) return;
  Q_EMIT q->records_changed(first, last);
  if (run) want_features();
  if (job == Job::advance && !replaying) notify();
}

void Session::Private::on_replayed(quint64 from, qint64 fixed_records) {
  if (from != command) return;
  if (replaying) {
    fixed = fixed_records;
    several_policies = false;
  }
  accepted_policy = sent_policy;
  accepted_policy_id = replayed_policy_id = sent_policy_id;
  replaying = false;
  run_began_with = evaluated;
  job_clock.start();
  if (sent_policy_id != policy_id) {
    if (!live_runs()) return begin_advance(run_wanted);
    post_policy();
  }
  notify();
}

void Session::Private::on_finished(quint64 from) {
  if (from != command) return;
  if (job == Job::advance && sent_run) run_wanted = false;
  live_rate_hz = 0;
  job = Job::none;
  replaying = false;
  policy_timer.stop();
  catch_up();
  start_run_if_ready();
  notify();
}

void Session::Private::on_failed(quint64 from, const Problem& what) {
  if (from != command) return;
  const bool was_loading = job == Job::load;
  job = Job::none;
  replaying = false;
  policy_timer.stop();
  if (was_loading) {
    // The model before is still there: go on with what was asked for in the meantime.
    run_wanted = run_wanted && (summary || watches());
    catch_up();
    start_run_if_ready();
  } else {
    run_wanted = false;
    live_rate_hz = 0;
  }
  notify();
  report(what);
}

void Session::Private::on_policy_refused(quint64 from, const QString& reason) {
  if (from != command) return;
  job = Job::none;
  replaying = false;
  policy_timer.stop();
  policy = accepted_policy;
  policy_id = sent_policy_id = accepted_policy_id;
  Q_EMIT q->policy_changed();
  catch_up();
  start_run_if_ready();
  notify();
  report({tr("The policy does not fit the model"), reason, tr("The previous policy remains active.")});
}

void Session::Private::on_opened(quint64 request, std::shared_ptr<const EpisodeCollection> opened, std::size_t index,
                                 FrameSourcePtr source, const Problem& what) {
  if (request != open_request || !opening) return;
  opening = false;
  if (!source && opened == collection && episode) {
    // The episode before stays.
    run_wanted = false;
    catch_up();
    notify();
    return report(what);
  }
  if (opened != collection) {
    std::swap(collection, opened);
    retire(std::const_pointer_cast<EpisodeCollection>(opened));
    source_options = source_options_wanted;
    episode.reset();
    episode_index.reset();
    Q_EMIT q->collection_changed();
  }
  const bool failed = source == nullptr;
  use_episode(std::move(source), failed ? std::nullopt : std::optional(index));
  if (failed) run_wanted = false;
  start_run_if_ready();
  notify();
  if (failed) report(what);
}

void Session::Private::announce_model() {
  selected_exit = -1;
  Q_EMIT q->model_changed();
  Q_EMIT q->policy_changed();
  Q_EMIT q->selected_exit_changed(-1);
}

void Session::Private::notify() { Q_EMIT q->activity_changed(); }

QString Session::Private::running_text() const {
  const auto total = static_cast<qint64>(records.size());
  auto text = tr("Running the model: %1 of %2 frames").arg(evaluated).arg(total);
  const auto done = evaluated - run_began_with;
  const auto elapsed_s = double(job_clock.elapsed()) / 1000.0;
  if (done < 2 || elapsed_s < 1.0) return text;
  const auto left_s = static_cast<qint64>(std::ceil(elapsed_s / double(done) * double(total - evaluated)));
  if (left_s >= 90) return text + tr(", about %1 min left").arg((left_s + 30) / 60);
  return text + tr(", about %1 s left").arg(std::max<qint64>(left_s, 1));
}

QString Session::Private::progress_text() const {
  switch (q->activity()) {
    case Activity::loading_model:
      return load_what.isEmpty() ? tr("Opening %1").arg(load_name) : tr("Opening %1: %2").arg(load_name, load_what);
    case Activity::opening_source:
      return opening_what;
    case Activity::running:
      return running_text();
    case Activity::live:
      return tr("Live: %1 frames").arg(records.size());
    case Activity::replaying:
      return tr("Applying the policy to %1 frames").arg(evaluated);
    case Activity::reading:
      return tr("Reading the trace: %1 of %2 frames").arg(evaluated).arg(records.size());
    case Activity::idle:
      break;
  }
  return {};
}

}  // namespace deer
