// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>

#include "core/base/image.h"
#include "core/sim/mujoco_scene.h"

namespace deer {

/// Renders a scene's cameras into memory through EGL, with or without a display. May be used from any thread, by one at
/// a time.
class OffscreenRenderer {
 public:
  /// Throws Error naming what EGL lacks. `scene`'s model must outlive the renderer.
  OffscreenRenderer(const MujocoScene& scene, bool shadows);
  OffscreenRenderer(const OffscreenRenderer&) = delete;
  OffscreenRenderer& operator=(const OffscreenRenderer&) = delete;
  ~OffscreenRenderer();

  /// `width` and `height` at most the model's visual/global offwidth and offheight.
  /// `camera` is an index, or kFreeCamera: from above the side, all of the scene in view.
  ImagePtr render(MujocoScene& scene, int camera, int width, int height);
  static constexpr int kFreeCamera = -1;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deer
