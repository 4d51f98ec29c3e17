// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>

#include "core/base/image.h"

namespace deer {

enum class CameraKind {
  device,    ///< V4L2: "0", "/dev/video0"
  stream,    ///< a URL: rtsp, rtsps, rtmp, http, https, udp, tcp, srt
  pipeline,  ///< GStreamer's notation: "v4l2src ! video/x-raw,width=640"
  video,     ///< a file, played at its own rate
};

/// A part of a picture, in its pixels, top left first. No width: all of it.
struct CameraCrop {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;

  bool operator==(const CameraCrop&) const = default;
};

/// Where a camera's pictures come from and what is done to each.
struct CameraSettings {
  std::string source;
  int quarter_turns = 0;  ///< clockwise, 0 to 3
  bool flip_horizontal = false;
  bool flip_vertical = false;
  CameraCrop crop = {};                 ///< of the picture as turned and flipped; what lies outside is left out
  std::optional<double> exposure = {};  ///< in the driver's units (V4L2: 100 µs); empty: the driver's own choice
  bool repeat = false;                  ///< a video begins again at its end

  bool operator==(const CameraSettings&) const = default;
};

/// What `source` names. Throws Error for an empty one and for a URL of another kind.
CameraKind camera_kind(const std::string& source);

/// "/dev/video2" for "2"; otherwise the source.
std::string device_path(const std::string& source);

/// The source for a person to read: without the user and password of a URL.
std::string shown_source(const std::string& source);

/// Turned, flipped, then cropped; the picture itself if there is nothing to do. A crop that leaves nothing is
/// ignored.
ImagePtr adjusted(const ImagePtr& image, const CameraSettings& settings);

}  // namespace deer
