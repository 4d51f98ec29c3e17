// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/session/live_session.h"

#include <utility>

#include "core/base/error.h"
#include "sessions/session/session_private.h"

namespace deer {
namespace {

/// Stands in for a live source that has ended: its description is still shown.
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

LiveSession::LiveSession(SessionCore* core) : core_(core) {
  auto* const opening = &core->source_opening;
  connect(opening, &SourceOpening::live_opened, this, &LiveSession::on_opened);
  auto* const runner = core->worker->live();
  connect(runner, &LiveRunner::frames, this, &LiveSession::on_frames);
  connect(runner, &LiveRunner::policy_taken, this, &LiveSession::on_policy_taken);
  connect(runner, &LiveRunner::policy_refused, this, &LiveSession::on_policy_refused);
  connect(runner, &LiveRunner::guard_paused, this, &LiveSession::on_guard_paused);
  connect(runner, &LiveRunner::report, this, &LiveSession::on_report);
  connect(runner, &LiveRunner::ended, this, [this](const Ticket& command) {
    if (core_->command.is_current(command)) end();
  });
}

void LiveSession::open(const QString& name, LiveOpener opener) {
  const auto ticket = core_->begin_opening(Session::tr("Opening %1").arg(name), core_->opening.options);
  core_->source_opening.open_live(ticket, std::move(opener));
}

bool LiveSession::running() const {
  return open_ && core_->job == SessionCore::Job::advance && core_->sent_run && !core_->replaying;
}

void LiveSession::pause() {
  if (!open_) return;
  core_->run_wanted = false;
  if (running()) core_->stop_worker();
  core_->notify();
}

void LiveSession::end() {
  if (!open_ || ended_) return;
  pause();
  ended_ = true;
  auto stand_in = std::make_shared<EndedSource>(core_->source.episode->info());
  core_->post([runner = core_->worker->live()] { runner->end(); });
  core_->retire(std::exchange(core_->source.episode, std::move(stand_in)));
  core_->notify();
}

void LiveSession::instruct(const QString& text) {
  if (!open_ || ended_ || text.trimmed().isEmpty()) return;
  control_->instruct(text.trimmed().toStdString());
}

void LiveSession::set_mode(RunMode mode) {
  if (mode == mode_) return;
  mode_ = mode;
  if (open_) control_->set_mode(mode);
  core_->notify();
}

void LiveSession::set_guard(LiveGuard guard) {
  guard_ = guard ? std::make_shared<const LiveGuard>(std::move(guard)) : nullptr;
  if (open_) control_->set_guard(guard_);
}

void LiveSession::set_sink(LiveSinkPtr sink) { core_->worker->live()->set_sink(std::move(sink)); }

void LiveSession::picture_shown(qint64 frame) {
  if (!started_at_ || !running() || !following_ || frame <= last_shown_) return;
  const auto seen = core_->frames.observation(frame);
  if (!seen) return;
  last_shown_ = frame;
  const std::chrono::duration<double> since_start = std::chrono::steady_clock::now() - *started_at_;
  latency_.add((since_start.count() - seen->timestamp_s) * 1000);
}

void LiveSession::close() {
  if (open_ && core_->records.evaluated > 0) Q_EMIT records_leaving();
  open_ = false;
  report_ = {};
  started_at_.reset();
}

std::shared_ptr<LiveControl> LiveSession::control_of_new_run() {
  // One for each run: what is said to this one does not reach the one that is just ending.
  const auto before = std::exchange(control_, std::make_shared<LiveControl>());
  const auto& wanted = core_->policies.wanted();
  control_->set_policy(wanted.policy, wanted.id);
  control_->set_mode(mode_);
  control_->set_guard(guard_);
  if (auto text = before->take_instruction()) control_->instruct(std::move(*text));
  return control_;
}

void LiveSession::post_policy() {
  const auto& wanted = core_->policies.wanted();
  control_->set_policy(wanted.policy, wanted.id);
  // What was done under the policy before stays as it was done.
  core_->policies.set_shown(wanted.id);
  several_policies_ = several_policies_ || core_->records.evaluated > 0;
}

void LiveSession::on_opened(const Ticket& ticket) {
  auto source = core_->source_opening.take_live(ticket);
  if (!core_->opening.request.is_current(ticket) || !core_->opening.active || !source.frames) {
    return core_->retire(std::make_shared<LiveSource>(std::move(source)));
  }
  core_->opening.active = false;
  use(std::move(source));
  core_->notify();
}

void LiveSession::use(LiveSource source) {
  if (core_->job == SessionCore::Job::advance) core_->stop_worker();
  close();
  const bool other_model = core_->trace.change(nullptr);
  auto before = std::exchange(core_->source.episode, source.frames);
  core_->frames.show_live();
  open_ = true;
  ended_ = false;
  takes_commands_ = source.takes_commands;
  following_ = true;
  several_policies_ = false;
  status_.clear();
  tasks_.reset();
  report_ = {};
  started_at_ = source.started_at;
  latency_.clear();
  last_shown_ = -1;
  control_ = std::make_shared<LiveControl>();
  core_->forget_episode();
  source_ = core_->rollout.issue();
  // Moved, not copied: the last holder has to be the worker.
  core_->post([w = core_->worker, ticket = source_, moved = std::move(source)]() mutable {
    w->set_live(ticket, std::move(moved));
  });
  core_->retire(std::move(before));
  if (other_model) core_->announce_model();
  Q_EMIT core_->q->episode_changed();
  Q_EMIT report_changed();
  core_->run_wanted = core_->job == SessionCore::Job::load || core_->can_run();
  if (core_->run_wanted) return core_->start_run_if_ready();
  core_->begin_advance(true);  // one frame to look at
}

void LiveSession::on_frames(const Ticket& rollout, const LiveBatch& batch) {
  core_->worker->live()->batch_taken();
  if (!core_->rollout.is_current(rollout) || !open_ || batch.frames.empty()) return;
  auto& records = core_->records;
  const auto first = core_->frame_count();
  bool any_record = false;
  for (const auto& [seen, record] : batch.frames) {
    core_->frames.append(seen);
    records.all.push_back(record);
    if (!record) continue;
    any_record = true;
    ++records.evaluated;
  }
  const auto last = core_->frame_count() - 1;
  if (running()) rate_hz_ = batch.rate_hz;
  last_batch_.start();
  status_ = QString::fromStdString(batch.status);
  tasks_ = batch.tasks;
  Q_EMIT frames_added(first, last);
  if (any_record) Q_EMIT core_->q->records_changed(first, last);
  if (following_ || core_->frame < 0) core_->move_to(last);
  core_->notify();
}

void LiveSession::on_policy_taken(const Ticket& command, quint64 id, const ExitPolicy& taken) {
  if (core_->command.is_current(command)) core_->policies.accept({taken, id});
}

void LiveSession::on_policy_refused(const Ticket& command, quint64 id, const QString& reason) {
  if (!core_->command.is_current(command)) return;
  if (id == core_->policies.wanted().id) {
    core_->policies.return_to_accepted();
    post_policy();
    Q_EMIT core_->q->policy_changed();
  }
  core_->report_refused_policy(reason);
}

void LiveSession::on_guard_paused(const Ticket& command, qint64 frame) {
  if (!core_->command.is_current(command)) return;
  core_->run_wanted = false;
  Q_EMIT paused_by_guard(frame);
}

void LiveSession::on_report(const Ticket& source, const CameraSourceReport& report) {
  if (!open_ || ended_ || !(source == source_)) return;
  report_ = report;
  Q_EMIT report_changed();
  constexpr qint64 kRateHolds = 1000;  // ms; then it is not the rate of now any more
  if (rate_hz_ > 0 && last_batch_.isValid() && last_batch_.elapsed() > kRateHolds) {
    rate_hz_ = 0;
    core_->notify();
  }
}

}  // namespace deer
