// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/robot_feed.h"

#include <utility>

namespace deer {
namespace {

SourceInfo robot_info() {
  SourceInfo out;
  out.title = "robot";
  out.kind = "robot";
  out.has_gripper_camera = true;
  return out;
}

}  // namespace

RobotFeed::RobotFeed() : FedSource(robot_info()) {}

RobotFeed::Answer RobotFeed::ask(ObservationPtr seen, const std::function<bool()>& is_cancelled) {
  constexpr auto kLookAgain = std::chrono::milliseconds(100);
  const std::lock_guard turn(turn_);
  std::unique_lock lock(mutex_);
  if (has_ended()) return {};
  answered_.reset();
  waiting_ = std::move(seen);
  ++asked_;
  changed_.notify_all();
  while (!changed_.wait_for(lock, kLookAgain, [this] { return answered_ || has_ended(); })) {
    if (!is_cancelled()) continue;
    waiting_.reset();
    return {Answer::State::cancelled, nullptr};
  }
  if (answered_) return *std::exchange(answered_, std::nullopt);
  waiting_.reset();
  return {};
}

void RobotFeed::answer(FrameRecordPtr record) {
  const std::lock_guard lock(mutex_);
  if (taken_ != asked_) return;  // of a frame that nobody waits for any more
  const auto state = record ? Answer::State::decided : Answer::State::refused;
  answered_ = Answer{state, std::move(record)};
  changed_.notify_all();
}

void RobotFeed::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

void RobotFeed::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

bool RobotFeed::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

bool RobotFeed::is_ready() const {
  const std::lock_guard lock(mutex_);
  return waiting_ || has_ended();
}

ObservationPtr RobotFeed::next(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, std::move(stop), [this] { return waiting_ || has_ended(); });
  if (has_ended() || !waiting_) return nullptr;
  taken_ = asked_;
  return std::exchange(waiting_, nullptr);
}

}  // namespace deer
