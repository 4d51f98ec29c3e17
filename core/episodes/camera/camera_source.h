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
  std::optional<CameraSettings> gripper;  ///< none: one camera alone
  std::string instruction;
  /// Two pictures make a pair if they were taken at most so far apart.
  std::chrono::milliseconds most_skew{50};
  /// A picture older than this is not handed out: better none than one of the past.
  std::chrono::milliseconds most_age{500};
  CameraPatience patience;
};

/// One camera, or a static and a gripper camera paired by time stamp, as a live source.
///
/// next() gives the newest picture (pair) not given yet, and waits for one if there is none; what came in
/// between is dropped and counted. It throws Error once a camera has failed for good, and ends with a video.
/// A camera that stalls or is lost comes back by itself; until then next() waits. The first frame, and one
/// after a loss or a pause of over a second, has Observation::starts_episode set. Observation::timestamp_s
/// is the time of the static picture since started_at().
class CameraSource : public FrameSource {
 public:
  /// Throws Error for what cannot work at all; everything else is a state of the report.
  static std::shared_ptr<CameraSource> open(const CameraSourceOptions& options);
  /// With cameras of another make.
  static std::shared_ptr<CameraSource> open(const CameraSourceOptions& options, CameraOpener opener);

  virtual CameraSourceReport report() const = 0;
  /// Hears of the report at every change of state and five times a second, on a thread of the source, until
  /// another takes its place; once this returns, the one before is not called any more.
  virtual void watch(std::function<void(const CameraSourceReport&)> watcher) = 0;
  /// Reading begins or goes on: what was captured before does not count as dropped.
  virtual void resume() = 0;
  virtual void instruct(const std::string& instruction) = 0;
  virtual std::chrono::steady_clock::time_point started_at() const = 0;
};

}  // namespace deer
