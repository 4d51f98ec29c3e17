// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/arm_model.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "core/base/error.h"
#include "core/robot/panda.h"

namespace deer {
namespace {

constexpr double kWholeOpening = 0.08;  // m, of CALVIN's gripper
constexpr double kSamePlace = 0.01;     // m
constexpr double kSameTurn = 0.09;      // rad

double distance(const Vector3& a, const Vector3& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

// A frame whose z axis points along `z`, which has length 1.
std::array<double, 9> rotation_along(const Vector3& z) {
  const Vector3 other = std::abs(z[2]) < 0.9 ? Vector3{0, 0, 1} : Vector3{1, 0, 0};
  const auto cross = [](const Vector3& a, const Vector3& b) {
    return Vector3{a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
  };
  auto x = cross(other, z);
  const double length = std::hypot(x[0], x[1], x[2]);
  for (double& value : x) value /= length;
  const auto y = cross(z, x);
  return {x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]};
}

RobotVisual rod_to(const Vector3& end, double radius) {
  const double length = std::hypot(end[0], end[1], end[2]);
  RobotVisual out;
  out.kind = RobotVisual::Kind::cylinder;
  out.size = {radius, length, 0};
  out.link_from_visual = {{end[0] / 2, end[1] / 2, end[2] / 2},
                          rotation_along({end[0] / length, end[1] / length, end[2] / length})};
  return out;
}

// Rods from each link's origin to those of its children, and balls at what moves.
std::vector<std::vector<RobotVisual>> skeleton_of(const RobotModel& robot) {
  constexpr double kThin = 0.012, kLeast = 0.002, kMost = 0.03;  // share of the robot's reach; m
  const auto& links = robot.links();
  const auto poses = robot.base_from_links(rest_positions(robot));
  double reach = 0;
  for (const auto& pose : poses) reach = std::max(reach, distance(pose.position, poses.front().position));
  const double radius = std::clamp(kThin * reach, kLeast, kMost);
  std::vector<std::vector<RobotVisual>> out(links.size());
  for (std::size_t i = 1; i < links.size(); ++i) {
    const auto parent = static_cast<std::size_t>(links[i].parent);
    const auto end = (inverse(poses[parent]) * poses[i]).position;
    if (std::hypot(end[0], end[1], end[2]) > radius / 2) out[parent].push_back(rod_to(end, radius));
    if (links[i].joint < 0) continue;
    RobotVisual ball;
    ball.kind = RobotVisual::Kind::sphere;
    ball.size = {1.6 * radius, 0, 0};
    ball.rgba = {0.4, 0.4, 0.4, 1};
    out[i].push_back(ball);
  }
  return out;
}

}  // namespace

ArmModel::ArmModel(RobotModel robot)
    : robot_(std::move(robot)),
      tcp_(guess_tcp_link(robot_)),
      tcp_index_(robot_.link_index(tcp_)),
      inverse_(robot_, tcp_),
      hand_(hand_links(robot_, tcp_)) {
  const auto& of_arm = inverse_.joints();
  for (std::size_t i = 0; i < robot_.joints().size(); ++i) {
    const auto& joint = robot_.joints()[i];
    const bool moves_tcp = std::find(of_arm.begin(), of_arm.end(), i) != of_arm.end();
    if (!moves_tcp && joint.kind == RobotJoint::Kind::prismatic) fingers_.push_back(i);
  }
}

ArmModelPtr ArmModel::load(const std::filesystem::path& urdf) {
  std::shared_ptr<ArmModel> out;
  try {
    out.reset(new ArmModel(RobotModel::load(urdf)));
  } catch (const FileError&) {
    throw;
  } catch (const Error& error) {
    throw FileError(urdf, error.what());
  }
  // Links of one robot often share a mesh.
  std::map<std::tuple<std::string, double, double, double>, std::optional<Mesh>> known;
  for (const auto& link : out->robot_.links()) {
    auto& meshes = out->meshes_.emplace_back(link.visuals.size());
    for (std::size_t i = 0; i < link.visuals.size(); ++i) {
      const auto& visual = link.visuals[i];
      if (visual.kind != RobotVisual::Kind::mesh) continue;
      auto [entry, is_new] = known.try_emplace({visual.mesh, visual.size[0], visual.size[1], visual.size[2]});
      if (is_new) {
        try {
          entry->second = load_mesh(find_mesh(visual.mesh, urdf), visual.size);
        } catch (const Error& error) {
          out->problems_.emplace_back(error.what());
        }
      }
      meshes[i] = entry->second;
    }
  }
  if (!out->has_something_to_draw()) {
    out->skeleton_ = skeleton_of(out->robot_);
    for (std::size_t i = 0; i < out->skeleton_.size(); ++i) out->meshes_[i].assign(out->skeleton_[i].size(), {});
  }
  return out;
}

bool ArmModel::has_something_to_draw() const {
  for (std::size_t link = 0; link < meshes_.size(); ++link) {
    const auto& visuals = robot_.links()[link].visuals;
    for (std::size_t i = 0; i < visuals.size(); ++i) {
      if (visuals[i].kind != RobotVisual::Kind::mesh || meshes_[link][i]) return true;
    }
  }
  return false;
}

const std::vector<RobotVisual>& ArmModel::visuals(std::size_t link) const {
  return is_skeleton() ? skeleton_.at(link) : robot_.links().at(link).visuals;
}

const Mesh* ArmModel::mesh(std::size_t link, std::size_t visual) const {
  const auto& mesh = meshes_.at(link).at(visual);
  return mesh ? &*mesh : nullptr;
}

ArmModel::Posed ArmModel::pose(const std::array<double, 15>& robot_obs, const Pose& world_from_base,
                               const std::vector<double>& seed) const {
  const auto base_from_tcp = inverse(world_from_base) * world_from_tcp_observed(robot_obs);
  const auto off = [&](const std::vector<double>& joints) {
    const auto found = robot_.base_from_links(joints)[tcp_index_];
    return std::pair(distance(found.position, base_from_tcp.position), angle_between(found, base_from_tcp));
  };
  Posed out;
  out.joints = seed.size() == robot_.joints().size() ? seed : rest_positions(robot_);
  out.joints = with_opening(std::move(out.joints), robot_obs[6]);
  if (takes_seven_joints()) {
    auto recorded = out.joints;
    for (std::size_t i = 0; i < 7; ++i) recorded[inverse_.joints()[i]] = robot_obs[7 + i];
    const auto [metres, radians] = off(recorded);
    if (metres <= kSamePlace && radians <= kSameTurn) {
      out.joints = std::move(recorded);
      return out;
    }
  }
  const auto solution = inverse_.solve(base_from_tcp, out.joints);
  out.joints = solution.positions;
  out.how = solution.reached ? Posed::How::computed : Posed::How::nearest;
  out.error_m = solution.reached ? 0 : solution.error_m;
  return out;
}

std::vector<double> ArmModel::with_opening(std::vector<double> joints, double opening_m) const {
  const double share = std::isfinite(opening_m) ? std::clamp(opening_m / kWholeOpening, 0.0, 1.0) : 0.5;
  for (const auto i : fingers_) {
    const auto& joint = robot_.joints()[i];
    if (std::isfinite(joint.lower) && std::isfinite(joint.upper))
      joints[i] = std::lerp(joint.lower, joint.upper, share);
  }
  return joints;
}

}  // namespace deer
