// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/episodes/camera/live_camera.h"
#include "core/episodes/frame_source.h"

namespace deer {

struct CameraSourceOptions {
  CameraSettings fixed;                   ///< the static camera
  std::optional<CameraSettings> gripper;  ///< empty: static camera only
  std::string instruction;
  /// Maximum time between the two images of a pair.
  std::chrono::milliseconds most_skew{50};
  /// Images older than this are not returned.
  std::chrono::milliseconds most_age{500};
  CameraTimeouts timeouts;
};

/// One camera, or a static and a gripper camera paired by time stamp, as a live source.
///
/// next() returns the newest image (pair) not returned yet and waits if there is none; images in between are dropped
/// and counted. It throws Error once a camera has failed, and ends with a video. A camera that stalls or is lost
/// reconnects; until then next() waits. The first frame, and the first after a loss or a pause of more than a second,
/// has Observation::starts_episode set. Observation::timestamp_s is the time of the static image since started_at().
class CameraSource : public FrameSource {
 public:
  /// Throws Error if a camera cannot work at all; all other problems appear in the report.
  static std::shared_ptr<CameraSource> open(const CameraSourceOptions& options);
  /// With other cameras, for tests.
  static std::shared_ptr<CameraSource> open(const CameraSourceOptions& options, CameraOpener opener);

  virtual CameraSourceReport report() const = 0;
  /// Is called with the report at every change of state and five times a second, on a thread of the source. Replaces
  /// the previous callback, which is not called again once this returns.
  virtual void watch(std::function<void(const CameraSourceReport&)> watcher) = 0;
  /// Starts or resumes reading: images captured before do not count as dropped.
  virtual void resume() = 0;
  virtual void instruct(const std::string& instruction) = 0;
  virtual std::chrono::steady_clock::time_point started_at() const = 0;
};

}  // namespace deer
