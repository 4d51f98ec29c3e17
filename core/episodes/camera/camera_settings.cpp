// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/camera/camera_settings.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <opencv2/core.hpp>
#include <string_view>
#include <system_error>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr std::array kStreams = {"rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp", "srt"};

bool is_number(const std::string& text) {
  return !text.empty() && text.size() <= 3 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

CameraKind camera_kind(const std::string& source) {
  if (source.empty()) throw Error("no camera given, expected a device, a URL, a pipeline or a video file");
  if (is_number(source) || source.starts_with("/dev/")) return CameraKind::device;
  std::error_code error;
  if (std::filesystem::is_regular_file(source, error)) return CameraKind::video;
  if (source.find(" ! ") != std::string::npos) return CameraKind::pipeline;
  const auto colon = source.find("://");
  if (colon == std::string::npos) return CameraKind::video;
  const auto scheme = source.substr(0, colon);
  if (std::find(kStreams.begin(), kStreams.end(), scheme) == kStreams.end()) {
    throw Error("'" + printable(shown_source(source)) + "': streams of type '" + printable(scheme) +
                "' are not supported, expected rtsp, rtsps, rtmp, http, https, udp, tcp or srt");
  }
  return CameraKind::stream;
}

std::string device_path(const std::string& source) { return is_number(source) ? "/dev/video" + source : source; }

std::string shown_source(const std::string& source) {
  const auto colon = source.find("://");
  if (is_number(source)) return device_path(source);
  if (colon == std::string::npos) return source;
  const auto host = colon + 3;
  const auto end = source.find('/', host);
  const auto at = source.rfind('@', end);
  if (at == std::string::npos || at < host) return source;
  return source.substr(0, host) + source.substr(at + 1);
}

ImagePtr adjusted(const ImagePtr& image, const CameraSettings& settings) {
  if (!image || image->empty()) return image;
  // OpenCV only reads it.
  cv::Mat picture(image->height, image->width, CV_8UC3, const_cast<std::uint8_t*>(image->rgb.data()));
  constexpr std::array kTurns = {cv::ROTATE_90_CLOCKWISE, cv::ROTATE_180, cv::ROTATE_90_COUNTERCLOCKWISE};
  const int turns = ((settings.quarter_turns % 4) + 4) % 4;
  const auto* const untouched = picture.data;
  if (turns > 0) {
    cv::Mat turned;
    cv::rotate(picture, turned, kTurns[static_cast<std::size_t>(turns - 1)]);
    picture = turned;
  }
  if (settings.flip_horizontal || settings.flip_vertical) {
    cv::Mat flipped;
    cv::flip(picture, flipped, !settings.flip_vertical ? 1 : settings.flip_horizontal ? -1 : 0);
    picture = flipped;
  }
  const auto& crop = settings.crop;
  if (crop.width > 0 && crop.height > 0) {
    const auto part = cv::Rect(crop.x, crop.y, crop.width, crop.height) & cv::Rect(0, 0, picture.cols, picture.rows);
    if (!part.empty()) picture = picture(part);
  }
  if (picture.data == untouched && picture.rows == image->height && picture.cols == image->width) return image;
  auto out = std::make_shared<Image>();
  out->width = picture.cols;
  out->height = picture.rows;
  out->rgb.resize(picture.total() * 3);
  picture.copyTo(cv::Mat(picture.rows, picture.cols, CV_8UC3, out->rgb.data()));
  return out;
}

}  // namespace deer
