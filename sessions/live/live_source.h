// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/episodes/camera/camera_report.h"
#include "core/episodes/frame_source.h"
#include "core/exits/exit_policy.h"
#include "core/exits/frame_record.h"

namespace deer {

/// Tasks that ended so far.
struct TaskCount {
  int done = 0;
  int failed = 0;

  bool operator==(const TaskCount&) const = default;
};

/// Something to watch and, perhaps, to act on: a simulated world, cameras. Everything in it is used
/// on the inference thread alone, and is destroyed there.
struct LiveSource {
  FrameSourcePtr frames;        ///< length() empty; read by next()
  bool takes_commands = false;  ///< act() moves what is seen, so that there is nothing to watch without a model

  /// Makes it a new instruction; it comes with the frames from the next one on. May be empty: then the
  /// instruction is given to frames that bring none.
  std::function<void(const std::string&)> instruct;

  /// A short line about how it goes ("2 done, 1 failed"), asked for after a frame. May be empty; does not throw.
  std::function<std::string()> status;

  /// How many tasks it saw done, asked for after a frame; none if it cannot tell of what it is doing. May be empty;
  /// does not throw.
  std::function<std::optional<TaskCount>()> tasks;

  /// Hears the result of each frame before the next one is asked for; null: the model did not run on it. May be empty;
  /// does not throw.
  std::function<void(const FrameRecordPtr&)> decided;

  /// Whether the next frame is there already. Empty if frames come at a steady rate; else the frames so far are shown
  /// before a wait. Does not throw.
  std::function<bool()> is_ready;

  /// A run begins or goes on: what came before was not waited for. May be empty.
  std::function<void()> resume;

  /// Sets who hears how the cameras go, also while no frame comes; on a thread of the source. Once it returns,
  /// the one before hears nothing more. May be empty, as may be what it is given.
  std::function<void(std::function<void(const CameraSourceReport&)>)> watch;

  /// The moment that Observation::timestamp_s counts from; empty if those times are not of this clock.
  std::optional<std::chrono::steady_clock::time_point> started_at;
};

/// Makes a live source; called on a worker thread. May throw.
using LiveOpener = std::function<LiveSource()>;

/// A frame of a live run. The record is null if no model ran on it.
struct LiveFrame {
  ObservationPtr seen;
  FrameRecordPtr record;
};

/// Takes every frame of a live run as it is made.
class LiveSink {
 public:
  virtual ~LiveSink() = default;
  /// Called on the inference thread, pictures present; does not wait, and does not throw.
  virtual void take(const LiveFrame& frame) = 0;
};

using LiveSinkPtr = std::shared_ptr<LiveSink>;

struct LiveBatch {
  std::vector<LiveFrame> frames;  ///< in order, without gaps
  double rate_hz = 0;             ///< achieved over the last second; 0 until two frames are there
  std::string status;
  std::optional<TaskCount> tasks;
};

/// Asked after each step of a live run, on the inference thread: whether to let it stand before the next one. `before`
/// is the record of the frame before, or null.
using LiveGuard = std::function<bool(const FrameRecord& record, const FrameRecord* before)>;

/// What a person may change while one live run goes on; the worker looks before each step.
class LiveControl {
 public:
  struct Settings {
    ExitPolicy policy;
    std::uint64_t policy_id = 0;
    RunMode mode = RunMode::probe;
  };

  Settings settings() const {
    const std::scoped_lock lock(mutex_);
    return settings_;
  }
  std::uint64_t policy_id() const {
    const std::scoped_lock lock(mutex_);
    return settings_.policy_id;
  }
  void set_policy(const ExitPolicy& policy, std::uint64_t id) {
    const std::scoped_lock lock(mutex_);
    settings_.policy = policy;
    settings_.policy_id = id;
  }
  void set_mode(RunMode mode) {
    const std::scoped_lock lock(mutex_);
    settings_.mode = mode;
  }
  std::shared_ptr<const LiveGuard> guard() const {
    const std::scoped_lock lock(mutex_);
    return guard_;
  }
  void set_guard(std::shared_ptr<const LiveGuard> guard) {
    const std::scoped_lock lock(mutex_);
    guard_ = std::move(guard);
  }
  void instruct(std::string text) {
    const std::scoped_lock lock(mutex_);
    instruction_ = std::move(text);
  }
  /// The instruction given since the last call.
  std::optional<std::string> take_instruction() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(instruction_, std::nullopt);
  }

 private:
  mutable std::mutex mutex_;
  Settings settings_;
  std::optional<std::string> instruction_;
  std::shared_ptr<const LiveGuard> guard_;
};

}  // namespace deer
