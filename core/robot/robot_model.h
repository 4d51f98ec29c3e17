// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/robot/pose.h"

namespace deer {

/// A joint that moves on its own.
struct RobotJoint {
  enum class Kind { revolute, prismatic };
  std::string name;
  Kind kind = Kind::revolute;
  double lower = 0;         ///< rad or m; -infinity for a continuous joint
  double upper = 0;         ///< rad or m; +infinity for a continuous joint
  double max_velocity = 0;  ///< rad/s or m/s; 0 if not given
};

/// A visual shape of a link, in the link's frame.
struct RobotVisual {
  enum class Kind { box, cylinder, sphere, mesh };
  Kind kind = Kind::box;
  Vector3 size{};    ///< m: box x y z; cylinder radius, length (along z), 0; sphere radius, 0, 0. Mesh: scale x y z
  std::string mesh;  ///< its name in the URDF; find_mesh() returns the path
  Pose link_from_visual;
  std::array<double, 4> rgba = {0.7, 0.7, 0.7, 1};
  bool has_color = false;  ///< given in the URDF; overrides the colours of a mesh
};

struct RobotLink {
  std::string name;
  int parent = -1;  ///< index of the parent link; -1 for the root
  int joint = -1;   ///< index into joints() of what moves it: its parent joint, or the one that mimics; -1 if fixed
  double joint_ratio = 1;   ///< of a mimic joint: its position is ratio * position + offset
  double joint_offset = 0;  ///< rad or m
  std::vector<RobotVisual> visuals;
};

/// A robot's kinematic tree, from a URDF. Immutable: may be used from several threads.
class RobotModel {
 public:
  /// Joints that mimic another one follow it; floating and planar ones are kept where they are. Text may be UTF-8 or
  /// UTF-16. Throws FileError if the file is not a valid URDF, or a xacro file. Meshes are not read.
  static RobotModel load(const std::filesystem::path& urdf);
  static RobotModel parse(const std::string& urdf, const std::filesystem::path& source);

  RobotModel(RobotModel&&) noexcept;
  RobotModel& operator=(RobotModel&&) noexcept;
  ~RobotModel();

  const std::string& name() const;
  const std::filesystem::path& source() const;    ///< the file as given
  const std::vector<RobotJoint>& joints() const;  ///< without mimic joints; from the root, siblings in file order
  const std::vector<RobotLink>& links() const;    ///< parents before children; the first is the root

  /// Index into links(). Throws Error that lists the links.
  std::size_t link_index(std::string_view link) const;

  /// Pose of every link in the root link's frame ("base"), as links(). `positions` are rad or m, as
  /// joints(); throws Error if their number differs. Limits are not enforced.
  std::vector<Pose> base_from_links(std::span<const double> positions) const;

  /// The same for one link.
  Pose base_from_link(std::string_view link, std::span<const double> positions) const;

 private:
  friend class InverseKinematics;
  struct Tree;
  explicit RobotModel(std::unique_ptr<const Tree> tree);
  std::unique_ptr<const Tree> tree_;
};

}  // namespace deer
