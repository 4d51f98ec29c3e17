// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "core/robot/arm_model.h"
#include "core/robot/pose.h"
#include "widgets/base/theme.h"

namespace deer {

/// A hand at a predicted or recorded pose.
struct ArmHand {
  Pose world_from_tcp;   ///< drawn pose: the step times ArmState::step_scale
  double opening_m = 0;  ///< of the fingers
  QColor color;
  int exit = -1;          ///< zero-based; -1: not from an exit
  bool executed = false;  ///< the one that was sent to the robot
  bool singled_out = false;
};

struct ArmPathPoint {
  Vector3 at{};
  QColor color;
};

/// A block on the table.
struct ArmBlock {
  Pose world_from_block;
  QColor color;
  double edge_m = 0.045;
};

/// Everything the 3D view shows of one frame: plain values, made on the GUI thread and drawn on another. World frame,
/// metres.
struct ArmState {
  ArmModelPtr model;
  Pose world_from_base;
  std::vector<double> joints;
  Pose world_from_tcp;  ///< as observed
  double opening_m = 0;
  bool commanded_open = true;
  bool knows_opening = true;  ///< otherwise these two are not said

  double step_scale = 1;                ///< magnification of predicted and recorded steps
  std::vector<ArmHand> predictions;     ///< shallow exits first
  std::optional<ArmHand> recorded;      ///< the recorded action's next pose
  std::vector<ArmPathPoint> past;       ///< path up to the TCP, coloured by the depth of each frame
  std::vector<ArmPathPoint> predicted;  ///< path from the TCP: sum of the executed steps of the following frames
  std::vector<Vector3> recorded_path;   ///< recorded path of the following frames
  std::vector<ArmBlock> blocks;

  ThemeColors colors;
  bool dark = false;
};

using ArmStatePtr = std::shared_ptr<const ArmState>;

}  // namespace deer
