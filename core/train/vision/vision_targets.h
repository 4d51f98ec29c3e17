// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace deer {

/// A quantity that the vision tower is taught to see, and where it stands among the columns.
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

/// What one camera should tell.
struct CameraTargets {
  std::vector<VisionTarget> quantities;
  at::Tensor values;   ///< float32 [N, T]
  at::Tensor weights;  ///< float32 [N, T], 0 to 1

  std::int64_t columns() const { return values.size(1); }
};

/// From the fixed camera: TCP pose, gripper opening, blocks' positions, yaw and vectors from the TCP,
/// and the states of slider, drawer, button, switch and lamps. All in the world frame.
/// A block that has fallen off the table counts nothing.
/// A block's yaw is given once as it is and once times four, which is what can be seen of a cube.
CameraTargets static_camera_targets(const at::Tensor& robot_obs, const at::Tensor& scene_obs);

/// From the gripper's camera: blocks in the TCP frame, which count less the farther they are, gripper
/// opening, and the TCP's place over the table and its yaw, which what lies below tells.
CameraTargets gripper_camera_targets(const at::Tensor& robot_obs, const at::Tensor& scene_obs);

/// Parts of the states, for N frames: positions [N, 3] in metres. Blocks are numbered as in scene_obs.
at::Tensor tcp_position(const at::Tensor& robot_obs);
at::Tensor block_position(const at::Tensor& scene_obs, std::int64_t block);
at::Tensor block_from_tcp(const at::Tensor& robot_obs, const at::Tensor& scene_obs, std::int64_t block);

/// Mean weighted error of each quantity, in its unit. `predicted` and `values`, `weights` [N, T].
std::vector<double> target_errors(const std::vector<VisionTarget>& quantities, const at::Tensor& predicted,
                                  const at::Tensor& values, const at::Tensor& weights);

}  // namespace deer
