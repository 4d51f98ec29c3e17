// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace deer {

enum class CameraState {
  connecting,    ///< being opened for the first time
  live,          ///< pictures come
  stalled,       ///< open, but no new picture comes, or the same one again and again
  reconnecting,  ///< closed after a loss; opened again after a pause that grows
  ended,         ///< a video is at its end
  failed,        ///< it cannot work, and is not tried again
};

/// How one camera goes.
struct CameraReport {
  std::string name;    ///< "static", "gripper"
  std::string source;  ///< for a person to read, without passwords
  CameraState state = CameraState::connecting;
  std::string problem;  ///< why it is not live; one line, empty if all is well
  std::string note;     ///< something was asked for and could not be had; empty if nothing
  int width = 0;        ///< of the newest picture, as delivered; 0 before the first
  int height = 0;
  double frames_per_second = 0;      ///< new pictures over the last second
  std::int64_t captured = 0;         ///< pictures the device gave, repetitions included
  std::int64_t repeated = 0;         ///< of these, equal to the one before
  std::int64_t delivered = 0;        ///< went on to the model
  std::int64_t dropped = 0;          ///< made way for newer ones while the model was busy
  int reconnects = 0;                ///< times it was opened again and gave a picture
  std::optional<double> retry_in_s;  ///< while it waits to be opened again
};

/// How a source of one or two cameras goes.
struct CameraSourceReport {
  std::vector<CameraReport> cameras;  ///< static, then gripper if there is one
  std::optional<double> skew_ms;      ///< between the two pictures of the newest pair; empty before the first
  double largest_skew_ms = 0;         ///< over all pairs
};

}  // namespace deer
