// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/vision_targets.h"

#include <ATen/ATen.h>

#include <array>
#include <numbers>

namespace deer {
namespace {

// Columns of robot_obs and scene_obs.
constexpr std::int64_t kTcp = 0, kTcpEuler = 3, kOpening = 6;
constexpr std::int64_t kFirstJoint = 0, kBulb = 4, kBlocks = 6, kBlockStride = 6, kBlockEuler = 3;
constexpr std::array kBlockNames = {"red_block", "blue_block", "pink_block"};
constexpr std::array kJointNames = {"slider", "drawer", "button", "switch"};
constexpr std::array kLampNames = {"bulb", "led"};

constexpr double kFallenM = 0.2;  // a block below this height has left the scene
constexpr double kNearM = 0.15;   // a block at this distance from the TCP has weight 1/e in the gripper camera

class Builder {
 public:
  void add(std::string name, VisionTarget::Kind kind, const at::Tensor& columns, const at::Tensor& weight = {},
           int multiple = 1) {
    out_.quantities.push_back({std::move(name), kind, width_, columns.size(1), multiple});
    width_ += columns.size(1);
    values_.push_back(columns);
    weights_.push_back(weight.defined() ? weight.expand_as(columns) : at::ones_like(columns));
  }
  void add_angle(std::string name, const at::Tensor& angle, int multiple = 1, const at::Tensor& weight = {}) {
    const auto turned = angle * multiple;
    add(std::move(name), VisionTarget::Kind::angle, at::cat({turned.sin(), turned.cos()}, 1), weight, multiple);
  }
  CameraTargets finish() {
    out_.values = at::cat(values_, 1).contiguous();
    out_.weights = at::cat(weights_, 1).contiguous();
    return std::move(out_);
  }

 private:
  CameraTargets out_;
  std::int64_t width_ = 0;
  std::vector<at::Tensor> values_, weights_;
};

// 1 where the block is in the scene, else 0: [N, 1].
at::Tensor block_is_there(const at::Tensor& scene_obs, std::int64_t block) {
  return block_position(scene_obs, block).narrow(1, 2, 1).gt(kFallenM).to(at::kFloat);
}

// Weight of a block in the gripper camera by its place in the TCP's frame: [N, 1].
at::Tensor nearness(const at::Tensor& local) { return (-local.square().sum(1, true) / (kNearM * kNearM)).exp(); }

// world_from_tcp rotations [N, 3, 3]: R = Rz Ry Rx.
at::Tensor rotations(const at::Tensor& euler) {
  const auto s = euler.sin().unbind(1);
  const auto c = euler.cos().unbind(1);
  const auto rows = {c[2] * c[1],
                     c[2] * s[1] * s[0] - s[2] * c[0],
                     c[2] * s[1] * c[0] + s[2] * s[0],
                     s[2] * c[1],
                     s[2] * s[1] * s[0] + c[2] * c[0],
                     s[2] * s[1] * c[0] - c[2] * s[0],
                     -s[1],
                     c[1] * s[0],
                     c[1] * c[0]};
  return at::stack(std::vector<at::Tensor>(rows), 1).view({-1, 3, 3});
}

}  // namespace

at::Tensor tcp_position(const at::Tensor& robot_obs) { return robot_obs.narrow(1, kTcp, 3); }

at::Tensor block_position(const at::Tensor& scene_obs, std::int64_t block) {
  return scene_obs.narrow(1, kBlocks + block * kBlockStride, 3);
}

at::Tensor block_from_tcp(const at::Tensor& robot_obs, const at::Tensor& scene_obs, std::int64_t block) {
  return from_tcp(robot_obs, block_position(scene_obs, block));
}

at::Tensor from_tcp(const at::Tensor& robot_obs, const at::Tensor& position) {
  const auto tcp_from_world = rotations(robot_obs.narrow(1, kTcpEuler, 3)).transpose(1, 2);
  return at::matmul(tcp_from_world, (position - tcp_position(robot_obs)).unsqueeze(2)).squeeze(2);
}

const char* VisionTarget::unit() const {
  switch (kind) {
    case Kind::angle:
      return "deg";
    case Kind::binary:
      return "% wrong";
    default:
      return "mm";
  }
}

CameraTargets static_camera_targets(const at::Tensor& robot_obs, const at::Tensor& scene_obs, bool blocks) {
  using Kind = VisionTarget::Kind;
  Builder out;
  const auto tcp = tcp_position(robot_obs);
  out.add("tcp", Kind::vector, tcp);
  out.add_angle("tcp_roll", robot_obs.narrow(1, kTcpEuler, 1));
  out.add_angle("tcp_pitch", robot_obs.narrow(1, kTcpEuler + 1, 1));
  out.add_angle("tcp_yaw", robot_obs.narrow(1, kTcpEuler + 2, 1));
  out.add("gripper_opening", Kind::length, robot_obs.narrow(1, kOpening, 1));
  for (std::size_t i = 0; blocks && i < kBlockNames.size(); ++i) {
    const std::string name = kBlockNames[i];
    const auto position = block_position(scene_obs, static_cast<std::int64_t>(i));
    const auto yaw = scene_obs.narrow(1, kBlocks + static_cast<std::int64_t>(i) * kBlockStride + kBlockEuler + 2, 1);
    const auto there = block_is_there(scene_obs, static_cast<std::int64_t>(i));
    out.add(name, Kind::vector, position, there);
    out.add("tcp_to_" + name, Kind::vector, position - tcp, there);
    out.add_angle(name + "_yaw", yaw, 1, there);
    out.add_angle(name + "_yaw_quarter", yaw, 4, there);
  }
  for (std::size_t i = 0; i < kJointNames.size(); ++i) {
    out.add(kJointNames[i], Kind::length, scene_obs.narrow(1, kFirstJoint + static_cast<std::int64_t>(i), 1));
  }
  for (std::size_t i = 0; i < kLampNames.size(); ++i) {
    out.add(kLampNames[i], Kind::binary, scene_obs.narrow(1, kBulb + static_cast<std::int64_t>(i), 1));
  }
  return out.finish();
}

CameraTargets gripper_camera_targets(const at::Tensor& robot_obs, const at::Tensor& scene_obs, bool blocks) {
  using Kind = VisionTarget::Kind;
  Builder out;
  for (std::size_t i = 0; blocks && i < kBlockNames.size(); ++i) {
    const auto local = block_from_tcp(robot_obs, scene_obs, static_cast<std::int64_t>(i));
    const auto weight = nearness(local) * block_is_there(scene_obs, static_cast<std::int64_t>(i));
    out.add(std::string(kBlockNames[i]) + "_from_tcp", Kind::vector, local, weight);
  }
  out.add("gripper_opening", Kind::length, robot_obs.narrow(1, kOpening, 1));
  out.add("tcp", Kind::vector, tcp_position(robot_obs));
  out.add_angle("tcp_yaw", robot_obs.narrow(1, kTcpEuler + 2, 1));
  return out.finish();
}

std::vector<double> target_errors(const std::vector<VisionTarget>& quantities, const at::Tensor& predicted,
                                  const at::Tensor& values, const at::Tensor& weights) {
  constexpr double kMmPerM = 1000;
  std::vector<double> out;
  for (const auto& quantity : quantities) {
    const auto found = predicted.narrow(1, quantity.column, quantity.columns);
    const auto truth = values.narrow(1, quantity.column, quantity.columns);
    const auto weight = weights.select(1, quantity.column);
    at::Tensor error;
    switch (quantity.kind) {
      case VisionTarget::Kind::vector:
      case VisionTarget::Kind::length:
        error = (found - truth).square().sum(1).sqrt() * kMmPerM;
        break;
      case VisionTarget::Kind::angle: {
        const auto angle = [](const at::Tensor& pair) { return at::atan2(pair.select(1, 0), pair.select(1, 1)); };
        const auto difference = angle(found) - angle(truth);
        error = at::atan2(difference.sin(), difference.cos()).abs() * (180 / std::numbers::pi / quantity.multiple);
        break;
      }
      case VisionTarget::Kind::binary:
        error = ((found > 0.5) != (truth > 0.5)).to(at::kFloat).squeeze(1) * 100;
        break;
    }
    out.push_back(((error * weight).sum() / weight.sum().clamp_min(1e-12)).item<double>());
  }
  return out;
}

}  // namespace deer
