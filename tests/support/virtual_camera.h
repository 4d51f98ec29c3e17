// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <memory>

#include "core/episodes/camera/camera_device.h"

namespace deer::test {

/// A camera made of memory that can be pulled, held, slowed and made to repeat itself; safe to change from any
/// thread. Every picture differs from the one before: its number is in the first bytes, and a bar moves.
struct VirtualCamera {
  std::atomic<int> width{32};
  std::atomic<int> height{24};
  std::atomic<int> period_us{4000};
  std::atomic<bool> plugged{true};        ///< false: opening fails, and so does a read under way
  std::atomic<bool> hangs{false};         ///< read() does not return, whatever is asked of it, until this is false
  std::atomic<bool> repeats{false};       ///< read() succeeds with the last picture
  std::atomic<bool> opens_slowly{false};  ///< opening waits until this is false
  std::atomic<bool> refuses{false};
  std::atomic<bool> lost_silently{false};  ///< read() waits for its stop request alone
  std::atomic<std::int64_t> end_at{-1};    ///< so many pictures and no more
  std::atomic<int> opens{0};
  std::atomic<int> alive{0};  ///< open devices
  std::atomic<int> hanging{0};
  std::atomic<std::int64_t> made{0};
};

using VirtualCameraPtr = std::shared_ptr<VirtualCamera>;

/// Opens `camera`.
CameraOpener virtual_opener(VirtualCameraPtr camera);
/// Opens `fixed` for the source "/dev/fixed" and `gripper` for any other.
CameraOpener virtual_opener(VirtualCameraPtr fixed, VirtualCameraPtr gripper);

/// The number that is in the first bytes of a picture.
std::uint64_t picture_number(const Image& image);

}  // namespace deer::test
