// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "core/exits/frame_record.h"

namespace deer {

/// Kinds of events in the log.
enum class FrameEventKind : std::uint8_t {
  // Found in the records by comparison with the previous frame.
  exit_change,
  threshold_crossing,  ///< the delta of an exit crossed its threshold
  gripper_opens,
  gripper_closes,
  forced,  ///< the exit was forced
  // Occurred while the program ran.
  breakpoint,  ///< stopped at a breakpoint
  status,      ///< report of the live source: a task was done, or failed
  gap,         ///< frames are missing before this one
  error,
};

inline constexpr int kFrameEventKinds = 9;

struct FrameEvent {
  std::int64_t frame = 0;
  FrameEventKind kind = FrameEventKind::exit_change;
  std::int16_t exit = -1;       ///< index of the current exit, or of the exit that the event is about
  std::int16_t other = -1;      ///< exit_change: index of the previous exit
  std::int16_t dimension = -1;  ///< gripper: its index among the action's dimensions
  float value = 0;              ///< threshold_crossing: the delta; gap: seconds; gripper: its value (DeeR: probability)
  float limit = 0;              ///< threshold_crossing: the threshold
  std::int32_t text = -1;       ///< index into texts stored elsewhere; -1: none
};

/// Adds the events at `record`, in the order of the kinds. `before`: the previous frame's record, or null.
void append_events(const FrameRecord& record, const FrameRecord* before, const std::vector<int>& exit_layers,
                   std::vector<FrameEvent>& out);

}  // namespace deer
