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

/// Joint positions that put a link where it is wanted, within the joints' limits. May be used from
/// several threads; a call takes well under a millisecond near the seed, some 20 ms if nothing is found.
class InverseKinematics {
 public:
  /// A pose is reached if it is met this closely.
  static constexpr double kPositionTolerance_m = 1e-5;
  static constexpr double kRotationTolerance_rad = 1e-4;

  struct Solution {
    std::vector<double> positions;  ///< rad or m, as RobotModel::joints(), within the limits
    bool reached = false;           ///< false: the best that was found, off by as much as follows
    double error_m = 0;
    double error_rad = 0;
  };

  /// `robot` must outlive this. Throws Error if it has no such link, or no joint moves it.
  InverseKinematics(const RobotModel& robot, std::string_view tip);
  InverseKinematics(InverseKinematics&&) noexcept;
  ~InverseKinematics();

  /// `seed` is where the search begins, best the pose before: of many solutions the nearest is wanted.
  /// Joints that do not move the tip keep its values. Throws Error if it has another number of joints
  /// or a pose or position is not finite. The same call gives the same answer.
  Solution solve(const Pose& base_from_tip, std::span<const double> seed) const;

  /// Indices into RobotModel::joints() of those that move the tip, from the root on.
  const std::vector<std::size_t>& joints() const;

 private:
  struct Chain;
  std::unique_ptr<const Chain> chain_;
};

/// The link that is most likely the tool centre point: by its name (tcp, tool0, ee_link, …), otherwise
/// the tip that the most joints move. `robot` has at least one link.
std::string guess_tcp_link(const RobotModel& robot);

/// The hand at `tcp`: it and the links that only joints beyond the arm move (fingers). Indices into
/// links(), parents first; its root is the lowest link above the TCP that has something to draw.
std::vector<std::size_t> hand_links(const RobotModel& robot, std::string_view tcp);

/// Middle positions: of the Panda's arm, the pose it rests in; of others, 0 within the limits.
std::vector<double> rest_positions(const RobotModel& robot);

}  // namespace deer
