// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "core/episodes/frame_source.h"
#include "core/exits/frame_record.h"

namespace deer {

class LerobotWriter;

/// Observations, and what a model made of them, as a LeRobot dataset of v3.0. The first frame decides what it holds:
/// - `observation.images.*`: the cameras
/// - `observation.state`, `observation.environment_state`: CALVIN's robot_obs and scene_obs, or the state's columns
/// - `action`: the recorded one (of CALVIN the relative one, and `absolute_action` as well); where none is recorded,
///   what the model commanded
/// - `prediction.action`: what the model commanded, of a chunk all steps
/// - `prediction.exit` and `prediction.depth`: index of the exit, from 0 (-1: no exit), and layers run
/// What a later frame lacks is NaN. One thread at a time; blocks on disk and encoder.
class LerobotExport {
 public:
  struct Options {
    ActionLayoutPtr predictions = nullptr;  ///< of the records that come; null: none come
    bool files_by_episode = false;          ///< a killed export keeps the episodes that have ended
    bool videos = true;                     ///< false: pictures as PNG inside Parquet
    std::string robot = {};                 ///< LeRobot's robot_type; empty: unknown
  };

  /// `folder` must be absent or empty, which the first frame tells.
  LerobotExport(std::filesystem::path folder, Options options);
  ~LerobotExport();
  LerobotExport(const LerobotExport&) = delete;
  LerobotExport& operator=(const LerobotExport&) = delete;

  /// Episodes from here on belong to this split, such as "validation"; "train" unless called.
  void begin_split(const std::string& name);
  /// The next frame of the open episode, which the first one begins. `record` may be null. Throws FileError, Error.
  void add(const SourceInfo& info, const Observation& seen, const FrameRecord* record);
  void end_episode();
  /// Throws FileError, also if there was no frame.
  void finish();

  std::int64_t episodes() const;
  std::int64_t frames() const;

 private:
  class Columns;

  const std::filesystem::path folder_;
  const Options options_;
  std::string split_ = "train";
  std::unique_ptr<Columns> columns_;  ///< these two from the first frame on
  std::unique_ptr<LerobotWriter> writer_;
};

}  // namespace deer
