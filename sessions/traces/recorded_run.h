// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/exits/replay.h"
#include "core/trace/trace.h"

namespace deer {

/// What an episode brings with it if it is the record of a run: a source that is one of these, too, needs no model.
/// Thread-safe. records(), steps() and modes() read a disk: never call them from the GUI thread; they throw FileError.
class RecordedRun {
 public:
  virtual ~RecordedRun() = default;

  /// Of the trace as a whole: the same object for every episode of it.
  virtual const TraceMetadata& metadata() const = 0;
  virtual std::int64_t frames() const = 0;
  /// Path of the data that the frames were seen in; empty if they were seen live.
  virtual const std::string& source() const = 0;
  /// Index of the episode in those data, and of its frame that is frame 0 here; -1: none.
  virtual std::int32_t source_episode() const = 0;
  virtual std::int64_t first_frame() const = 0;

  /// Frames [first, first + count), numbered from 0 in this episode. Without `features` those of the probes are empty.
  virtual std::vector<FrameRecordPtr> records(std::int64_t first, std::int64_t count, bool features) const = 0;
  virtual std::vector<std::int32_t> steps() const = 0;
  virtual std::vector<RunMode> modes() const = 0;

  /// Whether the features of all frames may be kept in memory.
  bool features_fit() const;
};

/// The stretches between two resets, of a run, all of whose frames were recorded in probe mode: what can be replayed.
struct ReplayableFrames {
  ReplayFrames frames;               ///< shares the run
  std::vector<std::int64_t> places;  ///< of each in the run
};
/// `features`: whether their records are read with features.
ReplayableFrames replayable_frames(std::shared_ptr<const RecordedRun> run, bool features = true);

/// `record` with the features that `original`, of the same frame, has and it lacks.
FrameRecordPtr with_features(const FrameRecord& record, const FrameRecord& original);
FrameRecordPtr without_features(const FrameRecord& record);
bool has_features(const FrameRecord& record);

}  // namespace deer
