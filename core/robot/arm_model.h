// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/robot/inverse_kinematics.h"
#include "core/robot/mesh.h"
#include "core/robot/robot_model.h"

namespace deer {

/// A robot ready to be drawn and posed. Immutable, shared between threads.
class ArmModel {
 public:
  /// Reads a URDF and the meshes it names; may take a second, so not on the GUI thread for files of a
  /// person's own. Throws FileError if the URDF is unusable or no joint moves its tip; meshes that are
  /// missing or broken are named in problems() and left out.
  static std::shared_ptr<const ArmModel> load(const std::filesystem::path& urdf);

  const RobotModel& robot() const { return robot_; }
  const std::string& tcp_link() const { return tcp_; }
  std::size_t tcp_index() const { return tcp_index_; }
  const std::vector<std::size_t>& hand() const { return hand_; }          ///< see hand_links()
  const std::vector<std::string>& problems() const { return problems_; }  ///< one line each

  /// What is drawn of a link: the URDF's visuals. If none of the whole robot can be drawn, a skeleton: rods from joint
  /// to joint.
  const std::vector<RobotVisual>& visuals(std::size_t link) const;
  bool is_skeleton() const { return !skeleton_.empty(); }

  /// The mesh of visual `visual` of link `link`; null if it is a primitive or could not be read.
  const Mesh* mesh(std::size_t link, std::size_t visual) const;

  /// Whether `positions` of robot_obs' seven joints fit this arm (seven joints move the TCP).
  bool takes_seven_joints() const { return inverse_.joints().size() == 7; }

  struct Posed {
    std::vector<double> joints;  ///< as RobotModel::joints()
    enum class How { recorded, computed, nearest } how = How::recorded;
    double error_m = 0;  ///< how far the TCP is off; above zero for `nearest`
  };
  /// The arm for a CALVIN robot_obs: its joints where they put the TCP where it was seen (within 1 cm and
  /// 5°), otherwise inverse kinematics from `seed` (as joints; may be empty), or the nearest it can do.
  Posed pose(const std::array<double, 15>& robot_obs, const Pose& world_from_base,
             const std::vector<double>& seed) const;

  /// `joints` with the fingers opened to `opening_m` (0.08 m is the whole range).
  std::vector<double> with_opening(std::vector<double> joints, double opening_m) const;

 private:
  explicit ArmModel(RobotModel robot);
  bool has_something_to_draw() const;

  RobotModel robot_;
  std::string tcp_;
  std::size_t tcp_index_ = 0;
  InverseKinematics inverse_;
  std::vector<std::size_t> hand_;
  std::vector<std::size_t> fingers_;  // sliding joints that do not move the TCP
  std::vector<std::vector<std::optional<Mesh>>> meshes_;
  std::vector<std::vector<RobotVisual>> skeleton_;  // by link; empty if not needed
  std::vector<std::string> problems_;
};

using ArmModelPtr = std::shared_ptr<const ArmModel>;

}  // namespace deer
