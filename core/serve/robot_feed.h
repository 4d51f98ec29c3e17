// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/exits/frame_record.h"
#include "core/serve/fed_source.h"

namespace deer {

/// Frames of a robot or a simulator that waits for a command after each: a live source. Thread-safe: one side asks, the
/// other takes frames and answers.
class RobotFeed final : public FedSource {
 public:
  struct Answer {
    enum class State { decided, refused, closed, cancelled };

    State state = State::closed;
    FrameRecordPtr record;  ///< null unless decided
  };

  RobotFeed();

  /// Adds a frame and waits for its answer; asks `is_cancelled` ten times a second. Calls of several threads take
  /// turns.
  Answer ask(ObservationPtr seen, const std::function<bool()>& is_cancelled);
  void finish();  ///< no frame will come any more

  /// Result of the frame that next() gave last; null: the model did not run on it.
  void answer(FrameRecordPtr record);
  void close();  ///< nobody will take a frame any more
  bool is_closed() const;
  bool is_ready() const;  ///< whether next() would not wait

  /// The moment that Observation::timestamp_s counts from.
  std::chrono::steady_clock::time_point started_at() const { return started_at_; }

  ObservationPtr next(std::stop_token stop) override;

 private:
  bool has_ended() const { return closed_ || finished_; }

  const std::chrono::steady_clock::time_point started_at_ = std::chrono::steady_clock::now();

  std::mutex turn_;  // of those who ask
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  ObservationPtr waiting_;          // not taken yet
  std::uint64_t asked_ = 0;         // frames
  std::uint64_t taken_ = 0;         // the newest of these that was taken
  std::optional<Answer> answered_;  // of the newest
  bool finished_ = false;
  bool closed_ = false;
};

using RobotFeedPtr = std::shared_ptr<RobotFeed>;

}  // namespace deer
