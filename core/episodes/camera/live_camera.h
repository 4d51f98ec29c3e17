// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/episodes/camera/camera_device.h"
#include "core/episodes/camera/camera_report.h"

namespace deer {

/// How long a camera is waited for.
struct CameraPatience {
  using Duration = std::chrono::steady_clock::duration;
  Duration open = std::chrono::seconds(10);               ///< then it is let go and tried again
  Duration stall = std::chrono::milliseconds(700);        ///< without a new picture: stalled
  Duration lost = std::chrono::milliseconds(2500);        ///< without a new picture: opened again
  Duration first_retry = std::chrono::milliseconds(250);  ///< pause before it is opened again; doubles
  Duration longest_retry = std::chrono::milliseconds(5000);
  /// The same picture for so long is a stall too; zero: it is not. By default 2 s for devices, whose noise
  /// makes every picture new, 10 s for streams and pipelines, and zero for videos.
  std::optional<Duration> repeat = {};
};

struct CameraFrame {
  std::int64_t number = 0;  ///< of the pictures delivered so far, without gaps
  ImagePtr image;           ///< adjusted as the settings say
  std::chrono::steady_clock::time_point captured_at;
};

/// A camera that keeps going: read on a thread of its own, watched by another, opened again when it is lost.
/// Its newest pictures are kept, older ones make way. Thread-safe; no call waits for the device, the
/// destructor included: a read that hangs is left behind, and its thread ends with it.
class LiveCamera {
 public:
  static constexpr std::size_t kKept = 4;  ///< pictures in the queue

  /// Starts at once. `changed` is called from any thread, without a lock, when a picture or a new state is there.
  LiveCamera(std::string name, CameraSettings settings, CameraOpener opener, CameraPatience patience,
             std::function<void()> changed);
  ~LiveCamera();
  LiveCamera(const LiveCamera&) = delete;
  LiveCamera& operator=(const LiveCamera&) = delete;

  CameraReport report() const;
  std::vector<CameraFrame> frames() const;  ///< oldest first, at most kKept
  /// Frame `number` is used; those before it that were not are dropped.
  void use(std::int64_t number);
  /// What came up to now was not wanted by anybody, and counts as neither used nor dropped.
  void forget();

  /// Waits until every reading thread of the process has ended, at most so long; false if one hangs. For the
  /// end of a program, whose libraries should not go before the threads that use them.
  static bool wait_for_readers(std::chrono::milliseconds patience);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::jthread watch_;
};

}  // namespace deer
