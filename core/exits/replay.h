// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "core/exits/exit_policy.h"
#include "core/exits/frame_record.h"

namespace deer {

/// Frames recorded in probe mode, in memory or on disk. A frame whose step is 0 starts an episode, and so does the
/// first one.
struct ReplayFrames {
  std::vector<std::int32_t> steps;  ///< FrameRecord::step of every frame
  /// Frames [first, first + count) with their features. Called from the thread that replays.
  std::function<std::vector<FrameRecordPtr>(std::int64_t first, std::int64_t count)> read;

  std::int64_t count() const { return static_cast<std::int64_t>(steps.size()); }

  /// Frames in memory; shares them.
  static ReplayFrames of(std::span<const FrameRecordPtr> records);
};

/// Takes what a replay finds: number of the policy, place of the frame. Records are as Engine::replay() gives
/// them, but without features (those of the recorded frame are the same). Frames of one episode come in order;
/// episodes and policies come mixed.
using ReplaySink = std::function<void(std::size_t policy, std::int64_t place, FrameRecordPtr record)>;

/// Replays one trace again and again, each time from the first frame that a new policy changes. What is needed to
/// start in the middle is kept: recurrent states now and then, bounded in memory. Not thread-safe.
class Replayer {
 public:
  virtual ~Replayer() = default;

  /// The trace under `policy`: a record a frame, without features, equal to what Engine::replay() gives. Throws
  /// Error if the policy does not fit or features are missing; Cancelled. Then the last result stays.
  virtual const std::vector<FrameRecordPtr>& update(const ExitPolicy& policy, std::stop_token stop = {}) = 0;

  /// The last result; empty before the first.
  virtual const std::vector<FrameRecordPtr>& records() const = 0;

  /// Frames that the last update() ran the action head on.
  virtual std::int64_t frames_run() const = 0;
};

}  // namespace deer
