// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace deer {

/// A quantity that the vision tower learns, and its columns.
struct VisionTarget {
  enum class Kind {
    vector,  ///< metres; the error is the length of the difference
    length,  ///< metres
    angle,   ///< two columns: sine and cosine of `multiple` times the angle
    binary,  ///< 0 or 1
  };

  std::string name;
  Kind kind = Kind::length;
  std::int64_t column = 0;
  std::int64_t columns = 1;
  int multiple = 1;

  const char* unit() const;  ///< of its error: "mm", "deg" or "% wrong"
};

/// Targets of one camera.
struct CameraTargets {
  std::vector<VisionTarget> quantities;
  at::Tensor values;   ///< float32 [N, T]
  at::Tensor weights;  ///< float32 [N, T], 0 to 1

  std::int64_t columns() const { return values.size(1); }
};

/// For the static camera: TCP pose, gripper opening, blocks' positions, yaw and vectors from the TCP,
/// and the states of slider, drawer, button, switch and lamps. All in the world frame.
/// A block that has fallen off the table has weight 0. A block's yaw is given once directly and once times four, since
/// only that is visible on a cube. Without `blocks`, those are left out: for recordings with other blocks than CALVIN's
/// (see patch_reader.h).
CameraTargets static_camera_targets(const at::Tensor& robot_obs, const at::Tensor& scene_obs, bool blocks = true);

/// For the gripper camera: blocks in the TCP frame, with less weight at larger distances, gripper opening, and the
/// TCP's position above the table and its yaw, which are visible from what is below.
CameraTargets gripper_camera_targets(const at::Tensor& robot_obs, const at::Tensor& scene_obs, bool blocks = true);

/// Parts of the state, for N frames: positions [N, 3] in metres. Blocks are numbered as in scene_obs.
at::Tensor tcp_position(const at::Tensor& robot_obs);
at::Tensor block_position(const at::Tensor& scene_obs, std::int64_t block);
at::Tensor block_from_tcp(const at::Tensor& robot_obs, const at::Tensor& scene_obs, std::int64_t block);
/// `position` [N, 3] in the TCP's frame.
at::Tensor from_tcp(const at::Tensor& robot_obs, const at::Tensor& position);

/// Mean weighted error of each quantity, in its unit. `predicted` and `values`, `weights` [N, T].
std::vector<double> target_errors(const std::vector<VisionTarget>& quantities, const at::Tensor& predicted,
                                  const at::Tensor& values, const at::Tensor& weights);

}  // namespace deer
