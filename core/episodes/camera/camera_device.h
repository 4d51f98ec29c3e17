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

/// A camera that cannot work even after retries: a file that is not a video, a device without read permission.
class CameraRefused : public Error {
 public:
  using Error::Error;
};

struct CameraPicture {
  ImagePtr image;  ///< never null
  std::chrono::steady_clock::time_point captured_at;
};

/// An open camera; created, used and destroyed on its reading thread.
class CameraDevice {
 public:
  virtual ~CameraDevice() = default;

  /// Waits for the next image; empty at the end of a video. Throws Error if the camera is lost. Some drivers never
  /// return or repeat the last image forever; LiveCamera handles both.
  virtual std::optional<CameraPicture> read(std::stop_token stop) = 0;

  /// A requested setting that is not supported ("the driver does not accept this exposure"); empty if none.
  virtual std::string note() const { return {}; }
};

/// Opens a camera; called on its reading thread, and may block. Throws CameraRefused if it can never work, any other
/// exception if it may work later.
using CameraOpener = std::function<std::unique_ptr<CameraDevice>(const CameraSettings&, std::stop_token)>;

/// Real cameras: V4L2, FFmpeg and GStreamer through OpenCV.
std::unique_ptr<CameraDevice> open_camera_device(const CameraSettings& settings, std::stop_token stop);

/// Checks what can be checked without opening: whether the device or file exists and OpenCV supports the source.
/// Throws Error naming the source.
void check_camera(const CameraSettings& settings);

struct ListedCamera {
  std::string device;  ///< "/dev/video0"
  std::string name;    ///< "HD Webcam C270"
};

/// V4L2 capture devices, by number. `sysfs` replaces the kernel's in tests.
std::vector<ListedCamera> list_cameras(const std::filesystem::path& sysfs = "/sys/class/video4linux");

}  // namespace deer
