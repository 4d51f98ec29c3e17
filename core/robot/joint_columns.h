// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/robot/robot_model.h"

namespace deer {

/// A number of a recording, as a dataset names it.
struct NamedNumber {
  std::string name;  ///< "left_shoulder_pan.pos"
  std::string unit;  ///< "rad", "°" or "deg", "m", "mm", "%"; others and none: as the joint counts, rad or m
};

/// Which numbers of a recording are positions of which joints of a robot. Immutable.
class JointColumns {
 public:
  JointColumns() = default;
  /// Matches by name: letters and digits alone count, without endings such as ".pos", "_joint" or "_position" and the
  /// beginning "main_". A name that fits several columns takes the first. "%" is the way between the joint's limits:
  /// from -100 to 100, of grippers from 0 to 100.
  JointColumns(const RobotModel& robot, std::span<const NamedNumber> columns);

  std::size_t count() const { return matches_.size(); }  ///< joints with a column
  /// Whether the recording is of this robot: at least two joints, and half of those that turn, have a column.
  bool fits() const { return fits_; }
  /// Names of the robot's joints without a column, which stay at 0, or at the limit next to it.
  const std::vector<std::string>& missing() const { return missing_; }
  /// Positions as RobotModel::joints(), rad or m. `values` are as the columns; of those that are not finite or not
  /// there the joint is as if it were missing.
  std::vector<double> positions(std::span<const double> values) const;

 private:
  struct Match {
    std::size_t joint = 0;
    std::size_t column = 0;
    double scale = 1;
    double offset = 0;
  };

  std::vector<Match> matches_;
  std::vector<double> rest_;
  std::vector<std::string> missing_;
  bool fits_ = false;
};

}  // namespace deer
