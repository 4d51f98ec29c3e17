// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace deer {

/// What decides which frame is due: `anchor_frame` was shown at `anchor_ns`, and frames follow at
/// `frames_per_second` (positive) from there, up to `last`. Frames are inclusive, first <= last.
struct PlaybackState {
  std::int64_t anchor_frame = 0;
  std::int64_t anchor_ns = 0;
  double frames_per_second = 30;
  std::int64_t first = 0;
  std::int64_t last = 0;
  bool looping = false;  ///< `first` follows `last`; otherwise playback ends there
};

struct PlaybackStep {
  std::int64_t frame = 0;      ///< that is due
  std::int64_t wrapped = 0;    ///< how often `last` was passed since the anchor
  bool ended = false;          ///< not looping, and `last` was passed
  std::int64_t anchor_ns = 0;  ///< when `frame` became due: the next anchor after a wrap, so that no time is lost
};

PlaybackStep advance(const PlaybackState& state, std::int64_t now_ns);

}  // namespace deer
