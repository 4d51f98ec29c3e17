// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/image.h"
#include "core/episodes/camera/camera_settings.h"

namespace deer {

/// A camera that cannot work, however often it is tried: a file that is no video, a device that one may not read.
class CameraRefused : public Error {
 public:
  using Error::Error;
};

struct CameraPicture {
  ImagePtr image;  ///< never null
  std::chrono::steady_clock::time_point captured_at;
};

/// An open camera, as the reading thread sees it; made, used and destroyed on that thread.
class CameraDevice {
 public:
  virtual ~CameraDevice() = default;

  /// Waits for the next picture; nothing at the end of a video. Throws Error if the camera is lost. Drivers
  /// being what they are, it may also never return, or repeat the last picture for ever: LiveCamera is ready for both.
  virtual std::optional<CameraPicture> read(std::stop_token stop) = 0;

  /// What was asked for and could not be had ("the driver takes no exposure"); empty if nothing.
  virtual std::string note() const { return {}; }
};

/// Opens a camera; called on its reading thread, and may take its time. Throws CameraRefused if there is no
/// hope, any other exception if it may work later.
using CameraOpener = std::function<std::unique_ptr<CameraDevice>(const CameraSettings&, std::stop_token)>;

/// The real ones: V4L2, FFmpeg and GStreamer by way of OpenCV.
std::unique_ptr<CameraDevice> open_camera_device(const CameraSettings& settings, std::stop_token stop);

/// Says at once what can be said without opening: no such device or file, a build of OpenCV without
/// GStreamer. Throws Error naming the source.
void check_camera(const CameraSettings& settings);

struct ListedCamera {
  std::string device;  ///< "/dev/video0"
  std::string name;    ///< "HD Webcam C270"
};

/// V4L2 capture devices, by number. `sysfs` stands in for the kernel's in tests.
std::vector<ListedCamera> list_cameras(const std::filesystem::path& sysfs = "/sys/class/video4linux");

}  // namespace deer
