// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/episodes/episode_collection.h"
#include "core/exits/engine.h"
#include "sessions/base/factories.h"

namespace deer::test {

/// Handles on what the fake engines and sources of a test do; safe to change from any thread.
struct FakeControl {
  std::atomic<int> step_ms{0};           ///< each step waits so long, or until it is stopped
  std::atomic<int> replay_ms{0};         ///< each replayed record likewise
  std::atomic<bool> block_steps{false};  ///< steps wait for the stop request alone
  std::atomic<bool> block_load{false};
  std::atomic<int> steps{0};
  std::atomic<int> replays{0};
  std::atomic<int> loads{0};
  std::atomic<int> attend_ms{0};  ///< each attention map waits so long, or until it is stopped
  std::atomic<bool> block_attention{false};
  std::atomic<std::int64_t> bad_attention{-1};  ///< attend() of this frame throws
  std::atomic<int> attended{0};                 ///< attention maps begun
  std::atomic<int> waiting{0};                  ///< calls that wait for a stop request now
  std::atomic<int> reads{0};
  std::atomic<int> read_ms{0};
  std::atomic<std::int64_t> bad_frame{-1};      ///< read() of this frame throws
  std::atomic<bool> unrecorded_failure{false};  ///< step() throws what is not a deer::Error
  std::string note;                             ///< of the model, set before it is loaded
  int exits = 4;                                ///< likewise
};

using FakeControlPtr = std::shared_ptr<FakeControl>;

/// A small recurrent multi-exit policy in closed form: deterministic, exact to replay, stop-aware.
/// Refuses paths that contain "bad".
EngineFactory fake_engine_factory(FakeControlPtr control);

/// The records that a run over `source` from its first frame gives under `policy`.
std::vector<FrameRecordPtr> fake_run(const FakeControlPtr& control, FrameSource& source, const ExitPolicy& policy);

/// Two episodes of `frames` frames (the second half as long) with two instructions each, under any path that does
/// not contain "bad"; "slow" waits half a second before it opens. Episode 2 cannot be opened.
SourceOpener fake_source_opener(FakeControlPtr control, int frames = 40);

/// Equal in everything but the times.
bool same_record(const FrameRecord& a, const FrameRecord& b);

}  // namespace deer::test
