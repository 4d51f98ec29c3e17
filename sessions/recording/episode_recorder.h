// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "sessions/live/live_source.h"

namespace deer {

/// How a recording goes.
struct RecordingStatus {
  std::filesystem::path folder;
  std::int64_t written = 0;       ///< frames
  std::int64_t waiting = 0;       ///< frames that are still to be written
  std::size_t waiting_bytes = 0;  ///< of their pictures
  std::int64_t left_out = 0;      ///< frames that found the queue full: the disk is too slow
  std::string problem;            ///< why it stopped by itself; empty if it did not
  bool finished = false;          ///< nothing more will be written
};

/// What a recording is written as.
enum class RecordingFormat {
  calvin,
  lerobot,  ///< v3.0; an episode ends with the instruction too, and is on the disk once it has ended
};

/// Writes live frames to a CALVIN or LeRobot dataset, on a thread of its own. What waits for the disk is bounded by
/// bytes: a frame that finds no room is left out, counted, and begins a new play segment, so that a gap is seen
/// as one in the data too. Arrays that nobody knows are not in the files: of cameras these are robot_obs,
/// scene_obs and actions; rel_actions is what the model commanded. recording.json says which.
class EpisodeRecorder final : public LiveSink {
 public:
  struct Options {
    std::size_t queue_bytes = std::size_t{256} << 20;
    std::string source;  ///< what is recorded, for recording.json
    std::string model;
    RecordingFormat format = RecordingFormat::calvin;
    SourceInfo info;                    ///< LeRobot: of the source
    ActionLayoutPtr predictions;        ///< LeRobot: of the model's actions; null: none runs
    std::function<void()> before_each;  ///< called on the writing thread before each frame; a test's slow disk
  };

  /// `folder` is made, and in it training/. `told` is called on the writing thread, a few times a second and
  /// once when all is written.
  EpisodeRecorder(std::filesystem::path folder, Options options, std::function<void(const RecordingStatus&)> told);
  /// Waits until what was taken is written.
  ~EpisodeRecorder() override;

  void take(const LiveFrame& frame) override;
  /// Takes no more; what waits is written. Returns at once.
  void finish();
  /// Tells nobody any more; once it returns, `told` is not running.
  void detach();
  RecordingStatus status() const;

 private:
  struct Waiting {
    LiveFrame frame;
    std::size_t bytes = 0;
    bool after_gap = false;
  };

  void run();
  void write_calvin();
  void write_lerobot();
  void wrote(const Waiting& frame);
  bool pop(Waiting& out);
  void tell(bool now);

  const Options options_;
  mutable std::mutex mutex_;  // guards the block below
  std::condition_variable wake_;
  std::deque<Waiting> queue_;
  RecordingStatus status_;
  bool finishing_ = false;
  bool gap_ = false;

  std::mutex told_mutex_;
  std::function<void(const RecordingStatus&)> told_;
  std::chrono::steady_clock::time_point last_told_{};
  std::thread thread_;
};

}  // namespace deer
