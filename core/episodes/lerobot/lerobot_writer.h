// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/episodes/recording.h"

namespace deer {

struct LerobotWriterOptions {
  /// A file ends with the episode that brings it to so many frames. 1: files of their own for each episode, so that
  /// a recording that is killed keeps all finished ones.
  std::int64_t frames_a_file = 20'000;
  /// False: pictures are stored inside Parquet as PNG, without loss. True: as videos, where OpenCV has an encoder and
  /// the sides are even and 16 to 8192 pixels.
  bool videos = true;
};

/// A frame that does not fit those before it, of which nothing was written.
class FrameMismatch : public Error {
 public:
  using Error::Error;
};

/// Makes the folder of a dataset. Throws FileError if `root` is neither absent nor an empty folder, or if nothing can
/// be written there.
void make_lerobot_folder(const std::filesystem::path& root);

/// Writes a LeRobot dataset of v3.0 frame by frame. Names of cameras and series become features. Numbers are stored as
/// float32, and frames at even distances: `timestamp` is the frame's index in its episode over the rate. One thread at
/// a time; blocks on disk and encoder.
class LerobotWriter {
 public:
  /// `root` must be absent or an empty folder. Throws FileError, Error for a rate or a schema that cannot be written.
  LerobotWriter(std::filesystem::path root, RecordingSchema schema, double frames_per_second,
                LerobotWriterOptions options = {});
  /// Without finish(), what is in closed files is a dataset.
  ~LerobotWriter();
  LerobotWriter(const LerobotWriter&) = delete;
  LerobotWriter& operator=(const LerobotWriter&) = delete;

  /// Episodes from here on belong to this split of info.json; "train" unless called.
  void begin_split(const std::string& name);
  /// A frame of the episode that is open, which the first one begins. `frame` has a picture for each camera of the
  /// schema and each of its series; a missing series is NaN, a missing picture repeats the previous one or is black. A
  /// camera without a size in the schema and without a picture in the very first frame is left out. Throws FileError,
  /// FrameMismatch for a picture of another size or a series of another width.
  void add(const RecordedFrame& frame, const std::string& task);
  /// Ends the episode; nothing happens if it has no frame.
  void end_episode();
  /// Ends the episode and writes what describes the dataset. Throws FileError, Error if it has no frame.
  void finish();

  std::int64_t episodes() const;  ///< ended
  std::int64_t frames() const;    ///< added

 private:
  class Private;
  std::unique_ptr<Private> d_;
};

}  // namespace deer
