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

/// A part of an image, in pixels from the top left. Zero width: the whole image.
struct CameraCrop {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;

  bool operator==(const CameraCrop&) const = default;
};

/// A camera's source and the adjustments of its images.
struct CameraSettings {
  std::string source;
  int quarter_turns = 0;  ///< clockwise, 0 to 3
  bool flip_horizontal = false;
  bool flip_vertical = false;
  CameraCrop crop = {};                 ///< of the turned and flipped image; parts outside are ignored
  std::optional<double> exposure = {};  ///< in the driver's units (V4L2: 100 µs); empty: unchanged
  bool repeat = false;                  ///< a video restarts at its end

  bool operator==(const CameraSettings&) const = default;
};

/// Kind of `source`. Throws Error if it is empty or a URL of an unsupported type.
CameraKind camera_kind(const std::string& source);

/// "/dev/video2" for "2"; otherwise the source.
std::string device_path(const std::string& source);

/// The source for display: without the user and password of a URL.
std::string shown_source(const std::string& source);

/// The image turned, flipped, then cropped; the image itself if nothing changes. An empty crop is ignored.
ImagePtr adjusted(const ImagePtr& image, const CameraSettings& settings);

}  // namespace deer
