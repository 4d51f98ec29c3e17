// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/episodes/frame_source.h"
#include "core/exits/frame_record.h"
#include "core/trace/trace.h"

namespace deer {

class TraceWriter;

/// One trace that is being written, on a thread of its own. Every frame that push() takes ends up in the file, unless
/// the report says why it cannot. Thread-safe.
class TraceRecording {
 public:
  struct Frame {
    FrameRecordPtr record;  ///< with its features
    ObservationPtr seen;    ///< null: read from `data`, at the record's frame
    FrameSourcePtr data;    ///< a recorded episode
    std::string source;     ///< path of what `data` is an episode of; empty: live
    std::int32_t episode = -1;
  };

  struct State {
    std::int64_t frames = 0;   ///< in the file
    std::int64_t waiting = 0;  ///< pushed, and not there yet
    bool ended = false;        ///< the file is closed; nothing more is taken
    std::string problem;       ///< why, if something went wrong; the file then holds `frames`
  };
  /// Called on the writing thread, ten times a second at most, and once when it has ended.
  using Report = std::function<void(const State&)>;

  static constexpr std::size_t kMostWaiting = std::size_t{256} << 20;  ///< bytes

  /// The trace is begun, and the model's fingerprint taken, on the writing thread. An existing file is replaced.
  TraceRecording(std::filesystem::path file, TraceMetadata metadata, std::filesystem::path model, Report report,
                 std::size_t most_waiting = kMostWaiting);
  /// Waits until all that was pushed is written.
  ~TraceRecording();

  enum class Room { bounded, unbounded };
  /// False, and nothing of it is kept, if too much is waiting or it has ended. Frames that are in memory
  /// anyway need no bound.
  bool push(std::vector<Frame> frames, Room room = Room::bounded);

  void finish();   ///< ends when all is written
  void abandon();  ///< ends soon, and removes the file

 private:
  void write_loop();
  void write(TraceWriter& writer, const Frame& frame) const;
  static std::size_t size_of(const Frame& frame);

  const std::filesystem::path file_;
  TraceMetadata metadata_;
  const std::filesystem::path model_;
  const Report report_;
  const std::size_t most_waiting_;

  std::mutex mutex_;  // guards the block below
  std::condition_variable wake_;
  std::deque<Frame> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool finishing_ = false;
  bool abandoned_ = false;
  bool ended_ = false;

  std::thread thread_;
};

}  // namespace deer
