// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "core/exits/frame_record.h"

namespace deer {

/// What the log of events tells apart.
enum class FrameEventKind : std::uint8_t {
  // Found in the records: what differs from the frame before.
  exit_change,
  threshold_crossing,  ///< the delta of an exit went past its threshold
  gripper_opens,
  gripper_closes,
  forced,  ///< the exit was set by hand
  // Happened while the program ran.
  breakpoint,  ///< it stopped here
  status,      ///< the live source said how it goes: a task was done, or failed
  gap,         ///< frames are missing before this one
  error,
};

inline constexpr int kFrameEventKinds = 9;

struct FrameEvent {
  std::int64_t frame = 0;
  FrameEventKind kind = FrameEventKind::exit_change;
  std::int16_t exit = -1;   ///< place of the exit now, or of the one that the event is about
  std::int16_t other = -1;  ///< exit_change: of the exit before
  float value = 0;          ///< threshold_crossing: the delta; gap: seconds; gripper: probability of opening
  float limit = 0;          ///< threshold_crossing: the threshold
  std::int32_t text = -1;   ///< place among texts kept elsewhere; -1: none
};

/// Adds what happens at `record`, in the order of the kinds. `before`: the record of the frame before, or null.
void append_events(const FrameRecord& record, const FrameRecord* before, const std::vector<int>& exit_layers,
                   std::vector<FrameEvent>& out);

}  // namespace deer
