// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace deer {

enum class CameraState {
  connecting,    ///< being opened for the first time
  live,          ///< images arrive
  stalled,       ///< open, but no new image arrives, or the same one repeats
  reconnecting,  ///< closed after a loss; opened again after an increasing delay
  ended,         ///< the video is over
  failed,        ///< it cannot work and is not retried
};

/// State of one camera.
struct CameraReport {
  std::string name;    ///< "static", "gripper"
  std::string source;  ///< for display, without passwords
  CameraState state = CameraState::connecting;
  std::string problem;  ///< why it is not live; one line, empty if it works
  std::string note;     ///< a requested setting that is not supported; empty if none
  int width = 0;        ///< of the newest image, as delivered; 0 before the first
  int height = 0;
  double frames_per_second = 0;      ///< new images over the last second
  std::int64_t captured = 0;         ///< images from the device, repetitions included
  std::int64_t repeated = 0;         ///< of these, identical to the previous one
  std::int64_t delivered = 0;        ///< passed to the model
  std::int64_t dropped = 0;          ///< replaced by newer ones while the model was busy
  int reconnects = 0;                ///< times it was opened again and sent an image
  std::optional<double> retry_in_s;  ///< while waiting to reconnect
};

/// State of a source with one or two cameras.
struct CameraSourceReport {
  std::vector<CameraReport> cameras;  ///< static, then gripper if there is one
  std::optional<double> skew_ms;      ///< between the two images of the newest pair; empty before the first
  double largest_skew_ms = 0;         ///< over all pairs
};

}  // namespace deer
