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

/// Frames recorded in probe mode, in memory or on disk. Frames with step 0 start an episode, and so does the first.
struct ReplayFrames {
  std::vector<std::int32_t> steps;  ///< FrameRecord::step of every frame
  /// Frames [first, first + count) with their features. Called from the thread that replays.
  std::function<std::vector<FrameRecordPtr>(std::int64_t first, std::int64_t count)> read;

  std::int64_t count() const { return static_cast<std::int64_t>(steps.size()); }

  /// Frames in memory; shares them.
  static ReplayFrames of(std::span<const FrameRecordPtr> records);
};

/// Receives the results of a replay: index of the policy, index of the frame. Records are as from Engine::replay(), but
/// without features (they equal those of the recorded frame). Frames of one episode come in order; episodes and
/// policies are interleaved.
using ReplaySink = std::function<void(std::size_t policy, std::int64_t place, FrameRecordPtr record)>;

/// Replays one trace repeatedly, each time from the first frame that a new policy changes. Keeps checkpoints of the
/// recurrent state to start in the middle, bounded in memory. Not thread-safe.
class Replayer {
 public:
  virtual ~Replayer() = default;

  /// The trace under `policy`: one record per frame, without features, equal to Engine::replay(). Throws Error if the
  /// policy does not match or features are missing; Cancelled. In both cases the last result is kept.
  virtual const std::vector<FrameRecordPtr>& update(const ExitPolicy& policy, std::stop_token stop = {}) = 0;

  /// The last result; empty before the first.
  virtual const std::vector<FrameRecordPtr>& records() const = 0;

  /// Frames that the last update() ran the action head on.
  virtual std::int64_t frames_run() const = 0;
};

}  // namespace deer
