// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/episodes/frame_source.h"
#include "core/exits/frame_record.h"

namespace deer {

class LerobotWriter;

/// Observations, and what a model made of them, as a LeRobot dataset of v3.0. It holds what the first frame has, what
/// its source names beside that, and what look_at() found:
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

  /// `folder` must be absent or empty, which make_folder() or the first frame tells.
  LerobotExport(std::filesystem::path folder, Options options);
  ~LerobotExport();
  LerobotExport(const LerobotExport&) = delete;
  LerobotExport& operator=(const LerobotExport&) = delete;

  /// Makes the folder before anything is read. Throws FileError.
  void make_folder();
  /// A frame of those that will come: where the first one lacks a picture or numbers, others tell what there is. Before
  /// the first add().
  void look_at(const SourceInfo& info, const Observation& seen);
  /// Whether look_at() has seen a picture of every camera.
  bool has_seen_all() const;
  /// Cameras that get no pictures: none was seen, and the source does not tell their size. From the first add() on.
  const std::vector<std::string>& left_out() const;

  /// Episodes from here on belong to this split, such as "validation"; "train" unless called.
  void begin_split(const std::string& name);
  /// The next frame of the open episode, which the first one begins. `record` may be null. Throws FileError, Error;
  /// FrameMismatch for a frame of another size than those before, without which the others go on.
  void add(const SourceInfo& info, const Observation& seen, const FrameRecord* record);
  void end_episode();
  /// Throws FileError, also if there was no frame.
  void finish();
  /// After a failure: what there is becomes a dataset; if that is nothing, what was begun is removed.
  void give_up();

  std::int64_t episodes() const;
  std::int64_t frames() const;

 private:
  class Columns;

  const std::filesystem::path folder_;
  const Options options_;
  std::string split_ = "train";
  bool made_folder_ = false;  ///< it was not there before
  std::unique_ptr<Columns> columns_;
  std::unique_ptr<LerobotWriter> writer_;  ///< from the first frame on
};

}  // namespace deer
