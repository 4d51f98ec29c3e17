// SPDX-License-Identifier: GPL-3.0-or-later
// Running the model on a live source: one step a frame, each command sent back to what is being watched.
#include <algorithm>

#include "core/base/error.h"
#include "sessions/frames/live_frames.h"
#include "sessions/inference/inference_worker.h"

namespace deer {
namespace {

constexpr int kMostBatchesOut = 2;
constexpr std::size_t kMostWaitingPictures = 64;
constexpr auto kRateWindow = std::chrono::seconds(1);

}  // namespace

void InferenceWorker::set_live(quint64 rollout, LiveSource source) {
  end_live();
  set_run(rollout, nullptr);
  source_.reset();
  live_ = std::move(source);
  next_live_frame_ = 0;
  given_.reset();
  reset_next_ = false;
  forget_records(rollout);
  if (live_.watch) {
    live_.watch([this, rollout](const CameraSourceReport& report) { Q_EMIT live_report(rollout, report); });
  }
}

void InferenceWorker::restart_live(quint64 rollout, qint64 next_frame) {
  next_live_frame_ = next_frame;
  live_batch_.frames.clear();
  forget_records(rollout);
}

void InferenceWorker::set_sink(LiveSinkPtr sink) {
  const std::scoped_lock lock(sink_mutex_);
  std::swap(sink_, sink);
}

void InferenceWorker::end_live() {
  if (live_.watch) live_.watch({});
  live_ = {};
  pending_.reset();
  live_batch_ = {};
}

void InferenceWorker::run_live(const Advance& task) {
  live_times_.clear();
  if (live_.resume) {
    pending_.reset();  // of before, when the world outside was another
    live_.resume();
  }
  auto policy_id = task.policy_id;
  try {
    for (;;) {
      const auto settings = task.control->settings();
      if (std::exchange(policy_id, settings.policy_id) != settings.policy_id) adopt_settings(task, settings);
      if (!pending_ && !take_live_frame(task)) {
        publish_live(true);
        Q_EMIT live_ended(task.command);
        break;
      }
      if (task.preview) {
        add_live_frame({std::exchange(pending_, nullptr), nullptr});
        break;
      }
      step_live(task, settings.mode);
      if (guard_stops(*task.control)) {
        publish_live(true);
        Q_EMIT live_stood(task.command, next_live_frame_ - 1);
        break;
      }
      publish_live(false);
      serve_attention();
    }
    publish_live(true);
    Q_EMIT finished(task.command);
  } catch (const Cancelled&) {
    publish_live(true);
    Q_EMIT finished(task.command);
  } catch (const std::exception& error) {
    const auto details = QString::fromUtf8(error.what());
    const bool in_model = pending_ != nullptr;
    const auto frame = next_live_frame_;
    // The frame that the model could not take is shown all the same, and not tried again.
    if (in_model) add_live_frame({std::exchange(pending_, nullptr), nullptr});
    publish_live(true);
    Q_EMIT failed(task.command, {in_model ? tr("The model stopped at frame %1").arg(frame)
                                          : tr("The live source stopped at frame %1").arg(frame),
                                 details, tr("The frames before it stay. Start again to resume from here.")});
  }
  // Changes that came too late for a step are no reason to replay what is already there.
  published_policy_ = task.control->policy_id();
}

void InferenceWorker::adopt_settings(const Advance& task, const LiveControl::Settings& settings) {
  try {
    if (engine_) engine_->set_policy(settings.policy);
    Q_EMIT live_policy_taken(task.command, settings.policy_id, settings.policy);
  } catch (const std::exception& error) {
    Q_EMIT live_policy_refused(task.command, settings.policy_id, QString::fromUtf8(error.what()));
  }
}

bool InferenceWorker::take_live_frame(const Advance& task) {
  if (auto text = task.control->take_instruction()) {
    if (live_.instruct) {
      live_.instruct(*text);
    } else {
      given_ = std::move(*text);
    }
    reset_next_ = true;
  }
  auto seen = live_.frames->next(task.stop);
  // A frame that came with the stop request is kept for when it goes on.
  if (seen && seen->instruction.empty() && given_) {
    auto instructed = std::make_shared<Observation>(*seen);
    instructed->instruction = *given_;
    seen = std::move(instructed);
  }
  pending_ = std::move(seen);
  if (task.stop.stop_requested()) throw Cancelled();
  return pending_ != nullptr;
}

void InferenceWorker::step_live(const Advance& task, RunMode mode) {
  FrameRecordPtr record;
  if (engine_) {
    if (pending_->starts_episode || reset_next_) engine_->reset();
    const FrameInput input{next_live_frame_, pending_->rgb_static, pending_->rgb_gripper, pending_->instruction};
    record = engine_->step(input, mode, task.stop);
    std::array<float, 7> command{};
    std::copy_n(record->command.data(), command.size(), command.begin());
    live_.frames->act(command);
    probes_.push_back(record);
    published_ = probes_.size();
  }
  reset_next_ = false;
  add_live_frame({std::exchange(pending_, nullptr), std::move(record)});
}

bool InferenceWorker::guard_stops(const LiveControl& control) const {
  const auto guard = control.guard();
  if (!guard || !*guard || probes_.empty() || probes_.back()->frame + 1 != next_live_frame_) return false;
  const auto* const before = probes_.size() > 1 ? probes_[probes_.size() - 2].get() : nullptr;
  return (*guard)(*probes_.back(), before && before->frame + 2 == next_live_frame_ ? before : nullptr);
}

void InferenceWorker::add_live_frame(LiveFrame frame) {
  ++next_live_frame_;
  if (const auto sink = [&] {
        const std::scoped_lock lock(sink_mutex_);
        return sink_;
      }()) {
    sink->take(frame);
  }
  live_times_.push_back(Clock::now());
  while (live_times_.size() > 2 && live_times_.back() - live_times_.front() > kRateWindow) live_times_.pop_front();
  auto& frames = live_batch_.frames;
  frames.push_back(std::move(frame));
  if (frames.size() > kMostWaitingPictures) {
    auto& oldest = frames[frames.size() - 1 - kMostWaitingPictures].seen;
    oldest = without_pictures(*oldest);
  }
}

void InferenceWorker::publish_live(bool all) {
  if (live_batch_.frames.empty()) return;
  if (!all && (batches_out_ >= kMostBatchesOut || Clock::now() - last_batch_ < kSignalInterval)) return;
  if (live_times_.size() > 1) {
    const std::chrono::duration<double> span = live_times_.back() - live_times_.front();
    live_batch_.rate_hz = static_cast<double>(live_times_.size() - 1) / std::max(span.count(), 1e-9);
  }
  if (live_.status) live_batch_.status = live_.status();
  if (live_.tasks) live_batch_.tasks = live_.tasks();
  ++batches_out_;
  Q_EMIT live_frames(rollout_, live_batch_);
  live_batch_ = {};
  last_batch_ = Clock::now();
}

}  // namespace deer
