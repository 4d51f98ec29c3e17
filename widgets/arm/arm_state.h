// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "core/robot/pose.h"
#include "widgets/arm/arm_model.h"
#include "widgets/base/theme.h"

namespace deer {

/// A hand somewhere else than the arm's own.
struct ArmHand {
  Pose world_from_tcp;   ///< where it is drawn: the step times ArmState::step_scale
  double opening_m = 0;  ///< of the fingers
  QColor color;
  int exit = -1;          ///< zero-based; -1: not an exit's
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
};

/// Everything that the 3D view shows of one moment: plain values, made on the GUI thread and drawn on
/// another. World frame, metres.
struct ArmState {
  ArmModelPtr model;
  Pose world_from_base;
  std::vector<double> joints;
  Pose world_from_tcp;  ///< as observed
  double opening_m = 0;
  bool commanded_open = true;

  double step_scale = 1;                ///< predicted and recorded steps are drawn this many times as long
  std::vector<ArmHand> predictions;     ///< shallow exits first
  std::optional<ArmHand> recorded;      ///< the recorded action's next pose
  std::vector<ArmPathPoint> past;       ///< up to the TCP; coloured by the depth of each frame
  std::vector<ArmPathPoint> predicted;  ///< from the TCP on, the executed steps of the frames that follow added up
  std::vector<Vector3> recorded_path;   ///< what the source recorded of the frames that follow
  std::vector<ArmBlock> blocks;

  ThemeColors colors;
  bool dark = false;
};

using ArmStatePtr = std::shared_ptr<const ArmState>;

}  // namespace deer
