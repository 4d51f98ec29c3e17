// SPDX-License-Identifier: GPL-3.0-or-later
// The part of a session that is about live sources.
#include "core/base/error.h"
#include "sessions/session/session_private.h"

namespace deer {
namespace {

/// Stands in for a live source that was let go: its description is still shown.
class EndedSource final : public FrameSource {
 public:
  explicit EndedSource(SourceInfo info) : info_(std::move(info)) {}

  const SourceInfo& info() const override { return info_; }
  std::optional<std::int64_t> length() const override { return std::nullopt; }
  const std::vector<InstructionSpan>& instructions() const override { return no_instructions_; }
  ObservationPtr read(std::int64_t) override { throw Error("'" + info_.title + "' has ended"); }
  ObservationPtr next(std::stop_token) override { return nullptr; }

 private:
  SourceInfo info_;
  std::vector<InstructionSpan> no_instructions_;
};

}  // namespace

void Session::open_live(const QString& name, LiveOpener opener) {
  d_->opening_what = tr("Opening %1").arg(name);
  d_->begin_opening();
  d_->loader.open_live(d_->open_request, std::move(opener));
}

bool Session::is_live() const { return d_->live; }
bool Session::live_ended() const { return d_->live && d_->live_ended; }
bool Session::live_takes_commands() const { return d_->live && d_->live_takes_commands; }
RunMode Session::live_mode() const { return d_->live_mode; }
double Session::live_rate_hz() const { return d_->live_rate_hz; }
QString Session::live_status() const { return d_->live ? d_->live_status : QString(); }

std::optional<TaskCount> Session::live_tasks() const { return d_->live ? d_->live_tasks : std::nullopt; }
qint64 Session::fixed_count() const { return d_->fixed; }
bool Session::several_policies() const { return d_->live && d_->several_policies; }
bool Session::following() const { return d_->following; }
const CameraSourceReport& Session::live_report() const { return d_->live_report; }
LatencySummary Session::live_latency() const { return d_->latency.summary(); }
void Session::set_live_sink(LiveSinkPtr sink) { d_->worker->set_sink(std::move(sink)); }

void Session::picture_shown(qint64 frame) {
  if (!d_->live_started_at || !d_->live_runs() || !d_->following || frame <= d_->last_shown) return;
  const auto seen = d_->live_frames.observation(frame);
  if (!seen) return;
  d_->last_shown = frame;
  const std::chrono::duration<double> since_start = std::chrono::steady_clock::now() - *d_->live_started_at;
  d_->latency.add((since_start.count() - seen->timestamp_s) * 1000);
}

const std::vector<InstructionSpan>& Session::instructions() const {
  static const std::vector<InstructionSpan> none;
  if (d_->live) return d_->live_frames.instructions();
  return d_->episode ? d_->episode->instructions() : none;
}

void Session::pause_live() {
  if (!d_->live) return;
  d_->run_wanted = false;
  if (d_->live_runs()) d_->stop_worker();
  d_->notify();
}

void Session::end_live() {
  if (!d_->live || d_->live_ended) return;
  pause_live();
  d_->live_ended = true;
  auto ended = std::make_shared<EndedSource>(d_->episode->info());
  QMetaObject::invokeMethod(
      d_->worker, [w = d_->worker] { w->end_live(); }, Qt::QueuedConnection);
  d_->retire(std::exchange(d_->episode, std::move(ended)));
  d_->notify();
}

void Session::instruct(const QString& text) {
  if (!d_->live || d_->live_ended || text.trimmed().isEmpty()) return;
  d_->live_control->instruct(text.trimmed().toStdString());
}

void Session::set_live_mode(RunMode mode) {
  if (mode == d_->live_mode) return;
  d_->live_mode = mode;
  if (d_->live) d_->live_control->set_mode(mode);
  d_->notify();
}

void Session::set_live_guard(LiveGuard guard) {
  d_->live_guard = guard ? std::make_shared<const LiveGuard>(std::move(guard)) : nullptr;
  if (d_->live) d_->live_control->set_guard(d_->live_guard);
}

void Session::Private::on_live_stood(quint64 from, qint64 at) {
  if (from != command) return;
  run_wanted = false;
  Q_EMIT q->live_stood(at);
}

void Session::Private::retire(std::shared_ptr<void> held) {
  if (!held) return;
  QMetaObject::invokeMethod(
      worker, [old = std::move(held)]() mutable { old.reset(); }, Qt::QueuedConnection);
}

void Session::Private::post_policy() {
  live_control->set_policy(policy, policy_id);
  // What was done under the policy before stays as it was done.
  replayed_policy_id = policy_id;
  several_policies = several_policies || evaluated > 0;
}

void Session::Private::move_to(qint64 to) {
  if (to == frame) return;
  direction = to < frame ? -1 : 1;
  frame = to;
  if (run) want_features();
  if (!live) {
    loader.observation(frame);
    loader.look_ahead(frame, direction);
  }
  Q_EMIT q->current_frame_changed(frame);
}

void Session::Private::on_live_opened(quint64 request) {
  auto source = loader.take_live(request);
  if (request != open_request || !opening || !source.frames) {
    return retire(std::make_shared<LiveSource>(std::move(source)));
  }
  opening = false;
  use_live(std::move(source));
  notify();
}

void Session::Private::use_live(LiveSource source) {
  if (job == Job::advance) stop_worker();
  const bool other_model = change_run(nullptr);
  auto before = std::exchange(episode, source.frames);
  episode_index.reset();
  loader.set_source(nullptr);
  live = true;
  live_ended = false;
  live_takes_commands = source.takes_commands;
  following = true;
  live_frames.clear();
  live_status.clear();
  live_tasks.reset();
  live_report = {};
  live_started_at = source.started_at;
  latency.clear();
  last_shown = -1;
  live_control = std::make_shared<LiveControl>();
  records.clear();
  evaluated = fixed = 0;
  several_policies = false;
  replayed_policy_id = policy_id;
  frame = hovered = -1;
  direction = 1;
  live_source = ++rollout;
  // Moved, not copied: the last holder has to be the worker.
  QMetaObject::invokeMethod(
      worker,
      [w = worker, id = rollout, live_source = std::move(source)]() mutable {
        w->set_live(id, std::move(live_source));
      },
      Qt::QueuedConnection);
  retire(std::move(before));
  if (other_model) announce_model();
  Q_EMIT q->episode_changed();
  Q_EMIT q->live_report_changed();
  run_wanted = summary || job == Job::load || watches();
  if (run_wanted) return start_run_if_ready();
  begin_advance(true);  // one frame to look at
}

void Session::Private::on_live_frames(quint64 from_rollout, const LiveBatch& batch) {
  worker->batch_taken();
  if (from_rollout != rollout || !live || batch.frames.empty()) return;
  const auto first = static_cast<qint64>(records.size());
  bool any_record = false;
  for (const auto& [seen, record] : batch.frames) {
    live_frames.append(seen);
    records.push_back(record);
    if (!record) continue;
    any_record = true;
    ++evaluated;
  }
  const auto last = static_cast<qint64>(records.size()) - 1;
  if (live_runs()) live_rate_hz = batch.rate_hz;
  last_live_batch.start();
  live_status = QString::fromStdString(batch.status);
  live_tasks = batch.tasks;
  Q_EMIT q->frames_added(first, last);
  if (any_record) Q_EMIT q->records_changed(first, last);
  if (following || frame < 0) move_to(last);
  notify();
}

void Session::Private::on_live_policy_taken(quint64 from, quint64 id, const ExitPolicy& taken) {
  if (from != command) return;
  accepted_policy = taken;
  accepted_policy_id = id;
}

void Session::Private::on_live_policy_refused(quint64 from, quint64 id, const QString& reason) {
  if (from != command) return;
  if (id == policy_id) {
    policy = accepted_policy;
    policy_id = accepted_policy_id;
    post_policy();
    Q_EMIT q->policy_changed();
  }
  report({tr("The policy does not fit the model"), reason, tr("The previous policy remains active.")});
}

void Session::Private::on_live_report(quint64 source, const CameraSourceReport& report) {
  if (!live || live_ended || source != live_source) return;
  live_report = report;
  Q_EMIT q->live_report_changed();
  constexpr qint64 kRateHolds = 1000;  // ms; then it is not the rate of now any more
  if (live_rate_hz > 0 && last_live_batch.isValid() && last_live_batch.elapsed() > kRateHolds) {
    live_rate_hz = 0;
    notify();
  }
}

void Session::Private::on_live_ended(quint64 from) {
  if (from == command) q->end_live();
}

}  // namespace deer
