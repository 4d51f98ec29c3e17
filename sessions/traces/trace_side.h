// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/episodes/frame_source.h"
#include "core/exits/frame_record.h"
#include "core/trace/trace.h"

namespace deer {

/// An episode that a trace is to be of.
struct TracedEpisode {
  FrameSourcePtr frames;         ///< recorded; shared with whoever shows it
  std::string source;            ///< path of the data
  std::int32_t index = -1;       ///< in those data
  std::int64_t first_frame = 0;  ///< of the data's episode: its frame 0
};

/// What a trace says of one episode.
struct TraceSide {
  TraceMetadata metadata;
  std::vector<FrameRecordPtr> records;  ///< by the episode's frames, without features; null where the trace has none
  std::int64_t count = 0;               ///< that are there
};

/// Finds the episode in a trace: that of the same index in the same data, whose frames have the same numbers,
/// instructions and recorded actions, as far as three of them tell. Data of another path count as the same only if
/// recorded actions say so. Throws Error with a sentence that says what does not match, Cancelled, and FileError. Reads
/// disks: not for the GUI thread.
TraceSide read_trace_side(const std::filesystem::path& file, const TracedEpisode& episode, const std::stop_token& stop);

}  // namespace deer
