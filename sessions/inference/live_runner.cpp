// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/inference/live_runner.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "sessions/frames/live_frames.h"

namespace deer {
namespace {

constexpr std::size_t kMostWaitingPictures = 64;
constexpr auto kRateWindow = std::chrono::seconds(1);

}  // namespace

void LiveRunner::set_source(const Ticket& rollout, LiveSource source) {
  end();
  source_ = std::move(source);
  next_frame_ = 0;
  given_.reset();
  reset_next_ = false;
  if (source_.watch) {
    source_.watch([this, rollout](const CameraSourceReport& how) { Q_EMIT report(rollout, how); });
  }
}

void LiveRunner::restart(qint64 next_frame) {
  next_frame_ = next_frame;
  batch_.frames.clear();
}

void LiveRunner::set_sink(LiveSinkPtr sink) {
  const std::scoped_lock lock(sink_mutex_);
  std::swap(sink_, sink);
}

void LiveRunner::end() {
  if (source_.watch) source_.watch({});
  source_ = {};
  pending_.reset();
  batch_ = {};
}

std::optional<Problem> LiveRunner::run(const AdvanceTask& task, const std::function<void()>& between_frames) {
  frame_times_.clear();
  if (source_.resume) {
    pending_.reset();  // of before, when the world outside was another
    source_.resume();
  }
  std::optional<Problem> problem;
  try {
    run_frames(task, between_frames);
  } catch (const Cancelled&) {
  } catch (const std::exception& error) {
    const auto details = QString::fromUtf8(error.what());
    const bool in_model = pending_ != nullptr;
    const auto frame = next_frame_;
    // The frame that the model could not take is shown all the same, and not tried again.
    if (in_model) add_frame({std::exchange(pending_, nullptr), nullptr});
    problem = Problem{in_model ? tr("The model stopped at frame %1").arg(frame)
                               : tr("The live source stopped at frame %1").arg(frame),
                      details, tr("The frames before it stay. Start again to resume from here.")};
  }
  publish(true);
  // Changes that came too late for a step are no reason to replay what is already there.
  state_.published_policy = task.control->policy_id();
  return problem;
}

void LiveRunner::run_frames(const AdvanceTask& task, const std::function<void()>& between_frames) {
  auto policy_id = task.policy_id;
  for (;;) {
    const auto settings = task.control->settings();
    if (std::exchange(policy_id, settings.policy_id) != settings.policy_id) adopt_settings(task, settings);
    if (!pending_ && source_.is_ready && !source_.is_ready()) publish(true);
    if (!pending_ && !take_frame(task)) {
      publish(true);
      Q_EMIT ended(task.ticket);
      return;
    }
    if (task.preview) return add_frame({std::exchange(pending_, nullptr), nullptr});
    step(task, settings.mode);
    if (guard_pauses(*task.control)) {
      publish(true);
      Q_EMIT guard_paused(task.ticket, next_frame_ - 1);
      return;
    }
    publish(false);
    between_frames();
  }
}

void LiveRunner::adopt_settings(const AdvanceTask& task, const LiveControl::Settings& settings) {
  try {
    if (state_.engine) state_.engine->set_policy(settings.policy);
    Q_EMIT policy_taken(task.ticket, settings.policy_id, settings.policy);
  } catch (const std::exception& error) {
    Q_EMIT policy_refused(task.ticket, settings.policy_id, QString::fromUtf8(error.what()));
  }
}

bool LiveRunner::take_frame(const AdvanceTask& task) {
  if (auto text = task.control->take_instruction()) {
    if (source_.instruct) {
      source_.instruct(*text);
    } else {
      given_ = std::move(*text);
    }
    reset_next_ = true;
  }
  auto seen = source_.frames->next(task.ticket.stop);
  // A frame that came with the stop request is kept for when it goes on.
  if (seen && seen->instruction.empty() && given_) {
    auto instructed = std::make_shared<Observation>(*seen);
    instructed->instruction = *given_;
    seen = std::move(instructed);
  }
  pending_ = std::move(seen);
  if (task.ticket.stop.stop_requested()) throw Cancelled();
  return pending_ != nullptr;
}

void LiveRunner::step(const AdvanceTask& task, RunMode mode) {
  FrameRecordPtr record;
  if (state_.engine) {
    if (pending_->starts_episode || reset_next_) state_.engine->reset();
    const FrameInput input{next_frame_, pending_->rgb_static, pending_->rgb_gripper, pending_->instruction};
    record = state_.engine->step(input, mode, task.ticket.stop);
    // Only DeeR's commands move anything; another program's run may have others.
    if (std::array<float, 7> command{}; record->command.size() == command.size()) {
      std::copy_n(record->command.data(), command.size(), command.begin());
      source_.frames->act(command);
    }
    state_.probes.push_back(record);
    state_.published = state_.probes.size();
  }
  reset_next_ = false;
  add_frame({std::exchange(pending_, nullptr), std::move(record)});
}

bool LiveRunner::guard_pauses(const LiveControl& control) const {
  const auto guard = control.guard();
  if (!guard || !*guard || state_.probes.empty() || state_.probes.back()->frame + 1 != next_frame_) return false;
  const auto* const before = state_.probes.size() > 1 ? state_.probes[state_.probes.size() - 2].get() : nullptr;
  return (*guard)(*state_.probes.back(), before && before->frame + 2 == next_frame_ ? before : nullptr);
}

void LiveRunner::add_frame(LiveFrame frame) {
  ++next_frame_;
  if (source_.decided) source_.decided(frame.record);
  if (const auto sink = [&] {
        const std::scoped_lock lock(sink_mutex_);
        return sink_;
      }()) {
    sink->take(frame);
  }
  frame_times_.push_back(Clock::now());
  while (frame_times_.size() > 2 && frame_times_.back() - frame_times_.front() > kRateWindow) frame_times_.pop_front();
  auto& waiting = batch_.frames;
  waiting.push_back(std::move(frame));
  if (waiting.size() > kMostWaitingPictures) {
    auto& oldest = waiting[waiting.size() - 1 - kMostWaitingPictures].seen;
    oldest = without_pictures(*oldest);
  }
}

void LiveRunner::publish(bool all) {
  if (batch_.frames.empty()) return;
  if (!all && (batches_on_the_way_ >= kMostOnTheWay || Clock::now() - last_batch_ < kSignalInterval)) return;
  if (frame_times_.size() > 1) {
    const std::chrono::duration<double> span = frame_times_.back() - frame_times_.front();
    batch_.rate_hz = static_cast<double>(frame_times_.size() - 1) / std::max(span.count(), 1e-9);
  }
  if (source_.status) batch_.status = source_.status();
  if (source_.tasks) batch_.tasks = source_.tasks();
  ++batches_on_the_way_;
  Q_EMIT frames(state_.rollout, batch_);
  batch_ = {};
  last_batch_ = Clock::now();
}

}  // namespace deer
