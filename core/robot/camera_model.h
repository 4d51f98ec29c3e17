// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <optional>

#include "core/robot/pose.h"

namespace deer {

/// A point in an image, in pixels: the centre of the top left pixel is (0, 0), x to the right, y down, as in OpenCV.
struct PicturePoint {
  double x = 0;
  double y = 0;
};

/// A pinhole camera without distortion. Its frame is OpenCV's: x to the right of the image, y down, z into the scene.
struct CameraModel {
  enum class Mount {
    world,  ///< fixed: mount_from_camera is world_from_camera
    tcp,    ///< moves with the hand: mount_from_camera is tcp_from_camera, with the TCP of robot_obs
  };

  int width = 0;  ///< pixels, of the image that the numbers below refer to
  int height = 0;
  double focal_x = 0;  ///< pixels
  double focal_y = 0;
  double center_x = 0;  ///< pixels, where the optical axis meets the image
  double center_y = 0;
  Mount mount = Mount::world;
  Pose mount_from_camera;

  bool operator==(const CameraModel&) const;
};

/// Known cameras of an observation.
struct CameraCalibration {
  std::optional<CameraModel> fixed;    ///< the static camera
  std::optional<CameraModel> gripper;  ///< the wrist camera

  bool operator==(const CameraCalibration&) const = default;
};

using CameraCalibrationPtr = std::shared_ptr<const CameraCalibration>;

/// Square pixels, the axis in the middle; `vertical_fov_rad` in (0, pi).
CameraModel camera_from_fov(int width, int height, double vertical_fov_rad);

/// The pose of a camera at `eye` that looks at `target`, with `up` upwards in the image. `up` must not be parallel to
/// the line of sight.
Pose world_from_looking_camera(const Vector3& eye, const Vector3& target, const Vector3& up);

/// Converts the pose of a camera that looks along -z with y up (OpenGL, MuJoCo) to OpenCV's camera frame.
Pose from_opengl_camera(const Pose& a_from_camera);

/// CALVIN's hands, which have their TCP in different places before the hand's link (calvin_env's URDFs).
enum class CalvinHand {
  longer_finger,  ///< panda_longer_finger, of the published datasets: 0.14 m
  digit,          ///< panda_digit: 0.1 m
  plain           ///< panda: 0.1 m, turned by 3.14 rad about z
};

/// CALVIN's gripper camera: 75 degrees, fixed to the hand at xyz (-0.1, 0, 0) m, rpy (1.3, 0, -1.57), looking along its
/// own +y with up along -z.
Pose calvin_tcp_from_gripper_camera(CalvinHand hand = CalvinHand::longer_finger);

/// Pose of the camera in the world when the TCP is at `world_from_tcp`.
Pose world_from_camera(const CameraModel& camera, const Pose& world_from_tcp);

/// Projection of a world point; may be outside the image. Empty if the point is not in front of the camera (at least
/// 1 mm) or a number is not finite.
std::optional<PicturePoint> project(const CameraModel& camera, const Pose& world_from_camera, const Vector3& point);

}  // namespace deer
