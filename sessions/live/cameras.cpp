// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/live/cameras.h"

#include <utility>

namespace deer {
namespace {

LiveSource watched(std::shared_ptr<CameraSource> cameras) {
  LiveSource out;
  out.frames = cameras;
  out.instruct = [cameras](const std::string& text) { cameras->instruct(text); };
  out.resume = [cameras] { cameras->resume(); };
  out.watch = [cameras](std::function<void(const CameraSourceReport&)> watcher) { cameras->watch(std::move(watcher)); };
  out.started_at = cameras->started_at();
  return out;
}

}  // namespace

LiveOpener camera_opener(CameraSourceOptions options) {
  return [options = std::move(options)] { return watched(CameraSource::open(options)); };
}

LiveOpener camera_opener(CameraSourceOptions options, CameraOpener opener) {
  return [options = std::move(options), opener = std::move(opener)] {
    return watched(CameraSource::open(options, opener));
  };
}

}  // namespace deer
