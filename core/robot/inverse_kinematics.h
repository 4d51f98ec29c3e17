// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/robot/pose.h"
#include "core/robot/robot_model.h"

namespace deer {

/// Finds joint positions that bring a link to a pose, within the joint limits. May be used from several threads; a call
/// takes well under a millisecond near the seed, about 20 ms if nothing is found.
class InverseKinematics {
 public:
  /// Tolerances for a reached pose.
  static constexpr double kPositionTolerance_m = 1e-5;
  static constexpr double kRotationTolerance_rad = 1e-4;

  struct Solution {
    std::vector<double> positions;  ///< rad or m, as RobotModel::joints(), within the limits
    bool reached = false;           ///< false: the best result, with the errors below
    double error_m = 0;
    double error_rad = 0;
  };

  /// `robot` must outlive this. Throws Error if it has no such link, or no joint moves it.
  InverseKinematics(const RobotModel& robot, std::string_view tip);
  InverseKinematics(InverseKinematics&&) noexcept;
  ~InverseKinematics();

  /// `seed` is the start of the search, usually the previous pose, to find the nearest solution. Joints that do not
  /// move the tip keep their seed values. Throws Error if the number of joints differs or a value is not finite.
  /// Deterministic.
  Solution solve(const Pose& base_from_tip, std::span<const double> seed) const;

  /// Indices into RobotModel::joints() of the joints that move the tip, starting at the root.
  const std::vector<std::size_t>& joints() const;

 private:
  struct Chain;
  std::unique_ptr<const Chain> chain_;
};

/// The link that is most likely the tool centre point: by its name (tcp, tool0, ee_link, …), otherwise
/// the tip that the most joints move. `robot` has at least one link.
std::string guess_tcp_link(const RobotModel& robot);

/// The hand at `tcp`: this link and those moved only by joints beyond the arm (fingers). Indices into links(), parents
/// first; its root is the last link before the TCP that has a visual.
std::vector<std::size_t> hand_links(const RobotModel& robot, std::string_view tcp);

/// Rest positions: for the Panda its rest pose; for other robots 0, clamped to the limits.
std::vector<double> rest_positions(const RobotModel& robot);

}  // namespace deer
