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

/// Timeouts of a camera.
struct CameraTimeouts {
  using Duration = std::chrono::steady_clock::duration;
  Duration open = std::chrono::seconds(10);               ///< then the attempt is abandoned and retried
  Duration stall = std::chrono::milliseconds(700);        ///< without a new image: stalled
  Duration lost = std::chrono::milliseconds(2500);        ///< without a new image: opened again
  Duration first_retry = std::chrono::milliseconds(250);  ///< delay before reopening; doubles each time
  Duration longest_retry = std::chrono::milliseconds(5000);
  /// An unchanged image for this long is a stall too; zero: never. By default 2 s for devices, whose noise makes every
  /// image different, 10 s for streams and pipelines, and zero for videos.
  std::optional<Duration> repeat = {};
};

struct CameraFrame {
  std::int64_t number = 0;  ///< number of the delivered image, without gaps
  ImagePtr image;           ///< after the adjustments in the settings
  std::chrono::steady_clock::time_point captured_at;
};

/// A camera that reconnects: read on its own thread, watched by another, opened again when it is lost. Keeps the newest
/// images. Thread-safe; no call waits for the device, not even the destructor: a thread whose read hangs is abandoned
/// and ends when the read returns.
class LiveCamera {
 public:
  static constexpr std::size_t kKept = 4;  ///< images in the queue

  /// Starts at once. `changed` is called from any thread, without a lock, on every new image or state.
  LiveCamera(std::string name, CameraSettings settings, CameraOpener opener, CameraTimeouts timeouts,
             std::function<void()> changed);
  ~LiveCamera();
  LiveCamera(const LiveCamera&) = delete;
  LiveCamera& operator=(const LiveCamera&) = delete;

  CameraReport report() const;
  std::vector<CameraFrame> frames() const;  ///< oldest first, at most kKept
  /// Marks frame `number` as used; unused frames before it count as dropped.
  void use(std::int64_t number);
  /// Discards the images so far: they count as neither used nor dropped.
  void forget();

  /// Waits until every reading thread of the process has ended, up to a timeout; false if one hangs. Call at the end
  /// of a program, so that libraries are not unloaded while threads use them.
  static bool wait_for_readers(std::chrono::milliseconds timeout);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::jthread watch_;
};

}  // namespace deer
