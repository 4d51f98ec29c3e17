// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>

#include "core/robot/action.h"
#include "core/robot/pose.h"
#include "core/sim/mujoco_scene.h"

namespace deer {

/// Keeps the Panda's TCP on a target by inverse kinematics and joint position servos, as CALVIN's
/// environment does: actions move the last target, joint speed is limited.
class ArmController {
 public:
  /// Finds joint1…joint7, the fingers and the site "tcp". Throws Error naming a missing one.
  explicit ArmController(const MujocoScene& scene);

  static constexpr int kJoints = 7;
  using Joints = std::array<double, kJoints>;

  /// CALVIN's initial joint angles, rad.
  static constexpr Joints kHome = {-1.21779206, 1.03987646, 2.11978261, -2.34205014,
                                   -0.87015947, 1.64119353, 0.55344866};

  Joints joints(const mjData& data) const;
  void set_joints(mjData& data, const Joints& joints) const;
  double opening(const mjData& data) const;  ///< m between the finger pads
  void set_opening(mjData& data, double opening_m) const;
  Pose world_from_tcp(const mjData& data) const;

  /// Joint angles near `start` that bring the TCP to `target`, as closely as the arm can. Uses (and
  /// leaves changed) the kinematics of `scratch`, a state of the same model.
  Joints solve(const Pose& target, const Joints& start, mjData& scratch, int iterations) const;

  /// Sets the target to the current pose.
  void hold(const mjData& data, bool open_gripper);

  /// Moves the target by an action, inside the workspace and not further than `kMaxLead` ahead of the arm.
  void act(const std::array<double, 7>& action, const mjData& data, mjData& scratch);

  /// Writes the servos' set points and the gravity compensation, before every physics step. `part` in (0, 1] is the
  /// share of the control step completed at its end: the set points move linearly during it.
  void drive(mjData& data, double part) const;

  const TcpTarget& target() const { return target_; }

  static constexpr double kMaxLead = 0.06;       ///< m
  static constexpr double kMaxTurnLead = 0.35;   ///< rad
  static constexpr double kMaxJointSpeed = 2.5;  ///< rad/s
  static constexpr double kMaxOpening = 0.08;    ///< m

 private:
  const mjModel* model_;
  std::array<int, kJoints> qpos_{};
  std::array<int, kJoints> dof_{};
  std::array<int, kJoints> actuator_{};
  std::array<double, kJoints> lower_{};
  std::array<double, kJoints> upper_{};
  std::array<int, 2> finger_qpos_{};
  std::array<int, 2> finger_actuator_{};
  int tcp_ = 0;
  TcpTarget target_;
  std::array<double, kJoints> lag_{};  ///< s by which a servo lags behind a moving set point
  Joints set_point_{};
  Joints last_set_point_{};
};

}  // namespace deer
