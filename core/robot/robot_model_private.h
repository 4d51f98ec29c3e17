// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <urdf_model/model.h>

#include <kdl/segment.hpp>

#include "core/robot/robot_model.h"

namespace deer {

/// Data of a RobotModel. Internal to this folder, so that KDL is not exposed.
struct RobotModel::Tree {
  std::string name;
  std::filesystem::path source;
  std::vector<RobotJoint> joints;
  std::vector<RobotLink> links;
  std::vector<KDL::Segment> segments;  ///< for each link, its parent joint and frame

  /// A link that follows another joint, until all joints are known.
  struct Mimic {
    std::size_t link = 0;
    std::string joint;  ///< its own
    std::string follows;
    double ratio = 1, offset = 0;
  };
  std::vector<Mimic> mimics;

  void add(const urdf::Link& link, int parent);
  void connect_mimics();

  /// Position of a link's parent joint; 0 if it is fixed.
  double position(std::size_t link, std::span<const double> positions) const {
    const auto& l = links[link];
    return l.joint < 0 ? 0 : l.joint_ratio * positions[static_cast<std::size_t>(l.joint)] + l.joint_offset;
  }
  bool is_mimic(std::size_t link) const {
    for (const auto& mimic : mimics) {
      if (mimic.link == link) return true;
    }
    return false;
  }
};

inline Pose pose_from_kdl(const KDL::Frame& f) {
  Pose out;
  for (int r = 0; r < 3; ++r) {
    out.position[static_cast<std::size_t>(r)] = f.p(r);
    for (int c = 0; c < 3; ++c) out.rotation[static_cast<std::size_t>(3 * r + c)] = f.M(r, c);
  }
  return out;
}

inline KDL::Frame kdl_from_pose(const Pose& pose) {
  const auto& m = pose.rotation;
  return {KDL::Rotation(m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8]),
          KDL::Vector(pose.position[0], pose.position[1], pose.position[2])};
}

}  // namespace deer
