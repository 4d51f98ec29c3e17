// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/virtual_camera.h"

#include <algorithm>
#include <cstring>
#include <thread>

namespace deer::test {
namespace {

using Clock = std::chrono::steady_clock;

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

class VirtualDevice final : public CameraDevice {
 public:
  explicit VirtualDevice(VirtualCameraPtr camera) : camera_(std::move(camera)) {
    ++camera_->opens;
    while (camera_->opens_slowly) nap();
    if (camera_->refuses) throw CameraRefused("the virtual camera is no camera");
    if (!camera_->plugged) throw Error("the virtual camera is not plugged in");
    ++camera_->alive;
  }
  ~VirtualDevice() override { --camera_->alive; }

  std::optional<CameraPicture> read(std::stop_token stop) override {
    while (camera_->lost_silently && !stop.stop_requested()) nap();
    if (camera_->hangs) {
      ++camera_->hanging;
      while (camera_->hangs) nap();
      --camera_->hanging;
    }
    if (!camera_->plugged) throw Error("the virtual camera was pulled");
    if (camera_->made == camera_->end_at) return std::nullopt;
    std::this_thread::sleep_until(due_);
    due_ = std::max(due_, Clock::now()) + std::chrono::microseconds(camera_->period_us);
    if (!camera_->repeats || !last_) last_ = draw(camera_->made++);
    return CameraPicture{last_, Clock::now()};
  }

 private:
  ImagePtr draw(std::int64_t number) const {
    auto image = std::make_shared<Image>();
    image->width = camera_->width;
    image->height = camera_->height;
    const auto row = static_cast<std::size_t>(image->width) * 3;
    image->rgb.assign(row * static_cast<std::size_t>(image->height), 90);
    const auto bar = static_cast<std::size_t>(number) % static_cast<std::size_t>(image->width);
    for (std::size_t y = 0; y < static_cast<std::size_t>(image->height); ++y) {
      image->rgb[y * row + bar * 3] = 250;
    }
    std::memcpy(image->rgb.data(), &number, std::min(sizeof number, image->rgb.size()));
    return image;
  }

  VirtualCameraPtr camera_;
  Clock::time_point due_ = Clock::now();
  ImagePtr last_;
};

}  // namespace

CameraOpener virtual_opener(VirtualCameraPtr camera) {
  return [camera](const CameraSettings&, std::stop_token) { return std::make_unique<VirtualDevice>(camera); };
}

CameraOpener virtual_opener(VirtualCameraPtr fixed, VirtualCameraPtr gripper) {
  return [fixed, gripper](const CameraSettings& settings, std::stop_token) {
    return std::make_unique<VirtualDevice>(settings.source == "/dev/fixed" ? fixed : gripper);
  };
}

std::uint64_t picture_number(const Image& image) {
  std::uint64_t number = 0;
  std::memcpy(&number, image.rgb.data(), std::min(sizeof number, image.rgb.size()));
  return number;
}

}  // namespace deer::test
