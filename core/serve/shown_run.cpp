// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/shown_run.h"

#include <utility>

#include "core/base/error.h"
#include "core/exits/recorded_replay.h"

namespace deer {
namespace {

class ShownEngine final : public Engine {
 public:
  explicit ShownEngine(ShownRunPtr run)
      : run_(std::move(run)), recorded_(make_recorded_engine(run_->summary(), run_->policy())) {}

  const ModelSummary& summary() const override { return run_->summary(); }
  void set_policy(const ExitPolicy& policy) override { recorded_->set_policy(policy); }
  const ExitPolicy& policy() const override { return recorded_->policy(); }
  void reset() override {}

  FrameRecordPtr step(const FrameInput& input, RunMode, std::stop_token stop) override {
    if (stop.stop_requested()) throw Cancelled();
    const auto record = run_->newest();
    if (!record) throw Error("this policy runs in another program: it cannot run on other pictures");
    auto out = std::make_shared<FrameRecord>(*record);
    out->frame = input.frame;
    return out;
  }

  std::vector<FrameRecordPtr> replay(std::span<const FrameRecordPtr> records, const ExitPolicy& policy,
                                     std::stop_token stop) const override {
    return recorded_->replay(records, policy, std::move(stop));
  }
  void replay_many(const ReplayFrames& frames, std::span<const ExitPolicy> policies, const ReplaySink& sink,
                   std::stop_token stop) const override {
    recorded_->replay_many(frames, policies, sink, std::move(stop));
  }
  std::unique_ptr<Replayer> replayer(ReplayFrames frames) const override {
    return recorded_->replayer(std::move(frames));
  }

 private:
  ShownRunPtr run_;
  std::unique_ptr<Engine> recorded_;
};

SourceInfo info_of(const ModelSummary& summary) {
  SourceInfo out;
  out.title = summary.name;
  out.kind = "recorder";
  out.has_gripper_camera = true;
  out.action_layout = summary.layout;
  return out;
}

}  // namespace

ShownRun::ShownRun(ModelSummary summary, ExitPolicy policy)
    : FedSource(info_of(summary)), summary_(std::move(summary)), policy_(std::move(policy)) {}

bool ShownRun::wait_for_room(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return closed_ || waiting_.size() < kMostWaiting; });
}

void ShownRun::add(Frame frame) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  waiting_.push_back(std::move(frame));
  changed_.notify_all();
}

void ShownRun::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

void ShownRun::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  waiting_.clear();
  newest_.reset();
  changed_.notify_all();
}

bool ShownRun::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

bool ShownRun::is_ready() const {
  const std::lock_guard lock(mutex_);
  return closed_ || finished_ || !waiting_.empty();
}

FrameRecordPtr ShownRun::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

ObservationPtr ShownRun::next(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, std::move(stop), [this] { return closed_ || finished_ || !waiting_.empty(); });
  if (waiting_.empty()) return nullptr;
  auto frame = std::move(waiting_.front());
  waiting_.pop_front();
  newest_ = std::move(frame.record);
  changed_.notify_all();
  return std::move(frame.seen);
}

std::unique_ptr<Engine> make_shown_engine(ShownRunPtr run) { return std::make_unique<ShownEngine>(std::move(run)); }

}  // namespace deer
