// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sessions/live/live_source.h"

namespace deer::test {

/// Handles on a fake live source; safe to use from any thread.
struct FakeLive {
  static constexpr int kPicture = 16;
  static constexpr std::size_t kBytes = 2 * kPicture * kPicture * 3;  ///< of the pictures of a frame

  std::atomic<int> frame_ms{2};              ///< each frame waits so long
  std::atomic<bool> block{false};            ///< frames wait for the stop request alone
  std::atomic<std::int64_t> end_at{-1};      ///< this frame does not come
  std::atomic<std::int64_t> fail_at{-1};     ///< next() throws once instead of this frame
  std::atomic<std::int64_t> restart_at{-1};  ///< this frame starts an episode
  std::atomic<std::int64_t> gap_at{-1};      ///< three frames are missing before this one
  std::atomic<int> waiting{0};               ///< calls that wait for a stop request now
  std::atomic<bool> alive{false};
  std::atomic<bool> counts_tasks{false};  ///< one is done every 20 frames, every third of them fails
  std::atomic<std::thread::id> ended_on;

  std::vector<std::array<float, 7>> commands() {
    const std::scoped_lock lock(mutex);
    return commands_;
  }

  std::mutex mutex;
  std::vector<std::array<float, 7>> commands_;
  std::string instruction = "open the drawer";
};

using FakeLivePtr = std::shared_ptr<FakeLive>;

/// A source of small pictures. Its frames are numbered by Observation::frame_id and bring the instruction
/// unless `speechless`; then it takes none either.
LiveOpener fake_live_opener(FakeLivePtr control, bool takes_commands = true, bool speechless = false);

}  // namespace deer::test
