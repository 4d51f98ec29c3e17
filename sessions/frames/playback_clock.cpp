// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/frames/playback_clock.h"

#include <algorithm>
#include <cmath>

namespace deer {

PlaybackStep advance(const PlaybackState& state, std::int64_t now_ns) {
  const double elapsed_s = static_cast<double>(now_ns - state.anchor_ns) * 1e-9;
  // A frame is due at its very time, also where the product falls a hair short of it.
  const auto frames = static_cast<std::int64_t>(std::floor(elapsed_s * state.frames_per_second + 1e-6));
  PlaybackStep out;
  out.frame = state.anchor_frame + frames;
  out.anchor_ns = state.anchor_ns + std::llround(static_cast<double>(frames) / state.frames_per_second * 1e9);
  if (out.frame <= state.last) return out;
  if (!state.looping) {
    out.frame = state.last;
    out.ended = true;
    return out;
  }
  const auto length = state.last - state.first + 1;
  // An anchor behind `last`, where a person has moved to, wraps once.
  const auto turns_at_anchor = std::max<std::int64_t>(0, state.anchor_frame - state.first) / length;
  out.wrapped = std::max<std::int64_t>(1, (out.frame - state.first) / length - turns_at_anchor);
  out.frame = state.first + (out.frame - state.first) % length;
  return out;
}

}  // namespace deer
