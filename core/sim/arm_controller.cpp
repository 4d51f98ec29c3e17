// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/arm_controller.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace deer {
namespace {

// Workspace of the target: above the table and the open drawer, never inside them.
constexpr Vector3 kWorkspaceLow = {-0.40, -0.53, 0.365};
constexpr Vector3 kWorkspaceHigh = {0.36, 0.13, 0.75};

constexpr int kTaskSize = 6;
constexpr double kControlHz = 30;

// Position and small-rotation error from `pose` to `target`, world frame.
std::array<double, kTaskSize> pose_error(const Pose& target, const Pose& pose) {
  std::array<double, kTaskSize> error{};
  for (std::size_t i = 0; i < 3; ++i) error[i] = target.position[i] - pose.position[i];
  const auto& a = target.rotation;
  const auto& b = pose.rotation;
  // Half the sum of the cross products of the columns: sin(angle) times the axis.
  for (std::size_t column = 0; column < 3; ++column) {
    const Vector3 u = {b[column], b[3 + column], b[6 + column]};
    const Vector3 v = {a[column], a[3 + column], a[6 + column]};
    error[3] += 0.5 * (u[1] * v[2] - u[2] * v[1]);
    error[4] += 0.5 * (u[2] * v[0] - u[0] * v[2]);
    error[5] += 0.5 * (u[0] * v[1] - u[1] * v[0]);
  }
  return error;
}

}  // namespace

ArmController::ArmController(const MujocoScene& scene) : model_(&scene.model()) {
  for (std::size_t i = 0; i < kJoints; ++i) {
    const std::string name = "joint" + std::to_string(i + 1);
    const int joint = scene.index(mjOBJ_JOINT, name.c_str());
    qpos_[i] = model_->jnt_qposadr[joint];
    dof_[i] = model_->jnt_dofadr[joint];
    lower_[i] = model_->jnt_range[2 * joint];
    upper_[i] = model_->jnt_range[2 * joint + 1];
    actuator_[i] = scene.index(mjOBJ_ACTUATOR, name.c_str());
    lag_[i] = model_->dof_damping[dof_[i]] / model_->actuator_gainprm[mjNGAIN * actuator_[i]];
  }
  const std::array<const char*, 2> fingers = {"left_finger", "right_finger"};
  for (std::size_t i = 0; i < fingers.size(); ++i) {
    finger_qpos_[i] = model_->jnt_qposadr[scene.index(mjOBJ_JOINT, fingers[i])];
    finger_actuator_[i] = scene.index(mjOBJ_ACTUATOR, fingers[i]);
  }
  tcp_ = scene.index(mjOBJ_SITE, "tcp");
}

ArmController::Joints ArmController::joints(const mjData& data) const {
  Joints angles{};
  for (std::size_t i = 0; i < kJoints; ++i) angles[i] = data.qpos[qpos_[i]];
  return angles;
}

void ArmController::set_joints(mjData& data, const Joints& angles) const {
  for (std::size_t i = 0; i < kJoints; ++i) data.qpos[qpos_[i]] = angles[i];
}

double ArmController::opening(const mjData& data) const {
  return std::clamp(data.qpos[finger_qpos_[0]] + data.qpos[finger_qpos_[1]], 0.0, kMaxOpening);
}

void ArmController::set_opening(mjData& data, double opening_m) const {
  for (const int finger : finger_qpos_) data.qpos[finger] = opening_m / 2;
}

Pose ArmController::world_from_tcp(const mjData& data) const {
  Pose pose;
  std::copy_n(data.site_xpos + 3 * tcp_, 3, pose.position.begin());
  std::copy_n(data.site_xmat + 9 * tcp_, 9, pose.rotation.begin());
  return pose;
}

ArmController::Joints ArmController::solve(const Pose& target, const Joints& start, mjData& scratch,
                                           int iterations) const {
  constexpr double kDamping = 1e-4;
  constexpr double kMaxStep = 0.3;
  Joints angles = start;
  std::vector<double> jacobian_p(static_cast<std::size_t>(3 * model_->nv));
  std::vector<double> jacobian_r(jacobian_p.size());
  for (int iteration = 0; iteration < iterations; ++iteration) {
    set_joints(scratch, angles);
    mj_kinematics(model_, &scratch);
    mj_comPos(model_, &scratch);
    const auto error = pose_error(target, world_from_tcp(scratch));
    mj_jacSite(model_, &scratch, jacobian_p.data(), jacobian_r.data(), tcp_);
    std::array<std::array<double, kJoints>, kTaskSize> jacobian{};
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t i = 0; i < kJoints; ++i) {
        const std::size_t at = row * static_cast<std::size_t>(model_->nv) + static_cast<std::size_t>(dof_[i]);
        jacobian[row][i] = jacobian_p[at];
        jacobian[row + 3][i] = jacobian_r[at];
      }
    }
    // Damped least squares with a pull to the home posture in the null space:
    // dq = J' (J J' + l I)^-1 (e - J p) + p.
    Joints pull{};
    for (std::size_t i = 0; i < kJoints; ++i) pull[i] = 0.02 * (kHome[i] - angles[i]);
    std::array<double, kTaskSize * kTaskSize> normal{};
    std::array<double, kTaskSize> right = error;
    for (std::size_t row = 0; row < kTaskSize; ++row) {
      for (std::size_t i = 0; i < kJoints; ++i) right[row] -= jacobian[row][i] * pull[i];
      for (std::size_t column = 0; column < kTaskSize; ++column) {
        double sum = row == column ? kDamping : 0;
        for (std::size_t i = 0; i < kJoints; ++i) sum += jacobian[row][i] * jacobian[column][i];
        normal[row * kTaskSize + column] = sum;
      }
    }
    mju_cholFactor(normal.data(), kTaskSize, 1e-12);
    std::array<double, kTaskSize> solution{};
    mju_cholSolve(solution.data(), normal.data(), right.data(), kTaskSize);
    for (std::size_t i = 0; i < kJoints; ++i) {
      double change = pull[i];
      for (std::size_t row = 0; row < kTaskSize; ++row) change += jacobian[row][i] * solution[row];
      angles[i] = std::clamp(angles[i] + std::clamp(change, -kMaxStep, kMaxStep), lower_[i], upper_[i]);
    }
  }
  return angles;
}

void ArmController::hold(const mjData& data, bool open_gripper) {
  const Pose pose = world_from_tcp(data);
  target_ = {pose.position, euler_xyz(pose), open_gripper};
  set_point_ = last_set_point_ = joints(data);
}

void ArmController::act(const std::array<double, 7>& action, const mjData& data, mjData& scratch) {
  target_ = deer::advance(target_, action);
  const Pose now = world_from_tcp(data);
  for (std::size_t i = 0; i < 3; ++i) {
    // Prevents windup of the target when pushing against an obstacle.
    target_.position_m[i] = std::clamp(target_.position_m[i], now.position[i] - kMaxLead, now.position[i] + kMaxLead);
    target_.position_m[i] = std::clamp(target_.position_m[i], kWorkspaceLow[i], kWorkspaceHigh[i]);
  }
  const Vector3 euler = euler_xyz(now);
  for (std::size_t i = 0; i < 3; ++i) {
    const double lead = wrap_angle(target_.euler_xyz_rad[i] - euler[i]);
    target_.euler_xyz_rad[i] = wrap_angle(euler[i] + std::clamp(lead, -kMaxTurnLead, kMaxTurnLead));
  }
  constexpr int kIterations = 4;
  const Joints wanted =
      solve(pose_from_euler(target_.position_m, target_.euler_xyz_rad), set_point_, scratch, kIterations);
  constexpr double kMaxChange = kMaxJointSpeed / kControlHz;
  last_set_point_ = set_point_;
  for (std::size_t i = 0; i < kJoints; ++i) {
    set_point_[i] += std::clamp(wanted[i] - set_point_[i], -kMaxChange, kMaxChange);
  }
}

void ArmController::drive(mjData& data, double part) const {
  for (std::size_t i = 0; i < kJoints; ++i) {
    const double change = set_point_[i] - last_set_point_[i];
    data.ctrl[actuator_[i]] = last_set_point_[i] + part * change + lag_[i] * change * kControlHz;
    // CALVIN's servos do not sag under gravity.
    data.qfrc_applied[dof_[i]] = data.qfrc_bias[dof_[i]];
  }
  for (const int actuator : finger_actuator_) data.ctrl[actuator] = target_.open_gripper ? kMaxOpening / 2 : 0.0;
}

}  // namespace deer
