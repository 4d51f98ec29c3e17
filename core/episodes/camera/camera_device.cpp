// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/camera/camera_device.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/videoio.hpp>
#include <opencv2/videoio/registry.hpp>
#include <system_error>

#include "core/episodes/media/opencv_image.h"

namespace deer {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStreamTimeoutMs = 5000;  // to open a stream, and for each of its images
constexpr double kDefaultVideoRate = 30;

bool has_backend(cv::VideoCaptureAPIs backend) {
  const auto all = cv::videoio_registry::getBackends();
  return std::find(all.begin(), all.end(), backend) != all.end();
}

// The appsink at the end of the pipeline provides only the newest image, in BGR.
std::string with_sink(const std::string& pipeline) {
  if (pipeline.find("appsink") != std::string::npos) return pipeline;
  return pipeline + " ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1";
}

class OpenCvCamera final : public CameraDevice {
 public:
  explicit OpenCvCamera(const CameraSettings& settings)
      : settings_(settings), shown_(shown_source(settings.source)), kind_(camera_kind(settings.source)) {
    try {
      open();
    } catch (const cv::Exception& error) {
      throw Error(shown_ + ": cannot be opened: " + printable(error.err));
    }
  }

  std::optional<CameraPicture> read(std::stop_token stop) override {
    try {
      if (kind_ == CameraKind::video) wait_for_turn(stop);
      if (stop.stop_requested()) return std::nullopt;
      if (!capture_.grab() && !begin_again()) {
        if (kind_ == CameraKind::video) return std::nullopt;
        throw Error(shown_ + ": sends no more images");
      }
      // The time stamp is taken before decoding.
      const auto captured_at = Clock::now();
      cv::Mat picture;
      if (!capture_.retrieve(picture) || picture.empty()) throw Error(shown_ + ": an image cannot be decoded");
      if (picture.type() != CV_8UC3) throw Error(shown_ + ": does not send 8-bit colour images");
      return CameraPicture{image_from_bgr(picture), captured_at};
    } catch (const cv::Exception& error) {
      throw Error(shown_ + ": " + printable(error.err));
    }
  }

  std::string note() const override { return note_; }

 private:
  void open() {
    bool opened = false;
    switch (kind_) {
      case CameraKind::device:
        opened = capture_.open(device_path(settings_.source), cv::CAP_V4L2);
        if (opened) {
          capture_.set(cv::CAP_PROP_BUFFERSIZE, 2);  // old images are useless
          set_exposure();
        }
        break;
      case CameraKind::stream:
        opened = capture_.open(
            settings_.source, cv::CAP_FFMPEG,
            {cv::CAP_PROP_OPEN_TIMEOUT_MSEC, kStreamTimeoutMs, cv::CAP_PROP_READ_TIMEOUT_MSEC, kStreamTimeoutMs});
        break;
      case CameraKind::pipeline:
        opened = capture_.open(with_sink(settings_.source), cv::CAP_GSTREAMER);
        if (!opened) throw CameraRefused(shown_ + ": " + why_not());
        break;
      case CameraKind::video:
        opened = capture_.open(settings_.source, cv::CAP_FFMPEG);
        if (!opened) throw CameraRefused(shown_ + ": cannot be opened as a video");
        if (const double rate = capture_.get(cv::CAP_PROP_FPS); std::isfinite(rate) && rate > 0 && rate < 1000) {
          period_ = std::chrono::duration<double>(1 / rate);
        }
        break;
    }
    if (!opened) throw Error(shown_ + ": " + why_not());
    if (settings_.exposure && kind_ != CameraKind::device) note_ = "only devices support an exposure";
  }

  std::string why_not() const {
    if (kind_ == CameraKind::pipeline) return "the pipeline does not start (a typo, or a missing plug-in?)";
    if (kind_ == CameraKind::stream) return "no answer, or not a video stream";
    std::error_code error;
    if (!std::filesystem::exists(device_path(settings_.source), error)) return "is not plugged in";
    return "cannot be opened (in use by another program?)";
  }

  void set_exposure() {
    if (!settings_.exposure) return;  // keep the current setting
    constexpr double kManual = 1;     // V4L2's number
    capture_.set(cv::CAP_PROP_AUTO_EXPOSURE, kManual);
    if (!capture_.set(cv::CAP_PROP_EXPOSURE, *settings_.exposure)) note_ = "the driver does not accept this exposure";
  }

  void wait_for_turn(const std::stop_token& stop) {
    const auto now = Clock::now();
    std::mutex mutex;
    std::unique_lock lock(mutex);
    if (due_ > now) std::condition_variable_any().wait_until(lock, stop, due_, [] { return false; });
    due_ = std::max(due_, now) + std::chrono::duration_cast<Clock::duration>(period_);
  }

  bool begin_again() {
    if (kind_ != CameraKind::video || !settings_.repeat) return false;
    return capture_.open(settings_.source, cv::CAP_FFMPEG) && capture_.grab();
  }

  const CameraSettings settings_;
  const std::string shown_;
  const CameraKind kind_;
  cv::VideoCapture capture_;
  std::string note_;
  std::chrono::duration<double> period_{1 / kDefaultVideoRate};
  Clock::time_point due_ = Clock::now();
};

std::string first_line(const std::filesystem::path& file) {
  std::string line;
  std::ifstream in(file);
  std::getline(in, line);
  return line;
}

}  // namespace

std::unique_ptr<CameraDevice> open_camera_device(const CameraSettings& settings, std::stop_token) {
  // Our own messages contain what OpenCV would print.
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  return std::make_unique<OpenCvCamera>(settings);
}

void check_camera(const CameraSettings& settings) {
  const auto shown = shown_source(settings.source);
  const auto need = [&](cv::VideoCaptureAPIs backend, const char* name) {
    if (!has_backend(backend)) throw Error("'" + shown + "': this build of OpenCV has no " + name);
  };
  const auto exists = [](const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
  };
  switch (camera_kind(settings.source)) {
    case CameraKind::device: {
      need(cv::CAP_V4L2, "V4L2");
      const auto path = device_path(settings.source);
      if (!exists(path)) {
        std::string others;
        for (const auto& camera : list_cameras()) others += (others.empty() ? "" : ", ") + camera.device;
        throw FileError(path, "no such camera; " + (others.empty() ? "none is plugged in" : "found " + others));
      }
      if (::access(path.c_str(), R_OK | W_OK) != 0) {
        throw FileError(path, "is not readable; on most systems, add your user to the group 'video'");
      }
      break;
    }
    case CameraKind::stream:
      need(cv::CAP_FFMPEG, "FFmpeg");
      break;
    case CameraKind::pipeline:
      need(cv::CAP_GSTREAMER, "GStreamer");
      break;
    case CameraKind::video:
      need(cv::CAP_FFMPEG, "FFmpeg");
      if (!exists(settings.source)) throw FileError(settings.source, "does not exist");
      break;
  }
}

std::vector<ListedCamera> list_cameras(const std::filesystem::path& sysfs) {
  std::vector<std::pair<int, ListedCamera>> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(sysfs, error)) {
    const auto node = entry.path().filename().string();
    constexpr std::string_view kPrefix = "video";
    int number = -1;
    if (!node.starts_with(kPrefix)) continue;
    const char* const end = node.data() + node.size();
    const auto [stop, problem] = std::from_chars(node.data() + kPrefix.size(), end, number);
    // A device's other nodes carry only metadata.
    if (problem != std::errc{} || stop != end || first_line(entry.path() / "index") != "0") continue;
    found.emplace_back(number, ListedCamera{"/dev/" + node, printable(first_line(entry.path() / "name"))});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<ListedCamera> out;
  for (auto& [number, camera] : found) out.push_back(std::move(camera));
  return out;
}

}  // namespace deer
