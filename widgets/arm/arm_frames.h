// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <vector>

#include "sessions/series/robot_track.h"
#include "sessions/session/session.h"
#include "widgets/arm/arm_state.h"

namespace deer {

/// Makes the ArmState of a frame from a session.
class ArmFrames : public QObject {
  Q_OBJECT

 public:
  static constexpr qint64 kPast = RobotTrack::kPast;
  static constexpr qint64 kAhead = RobotTrack::kAhead;
  static constexpr std::array<double, 3> kScales = {1, 5, 20};

  /// `session` must outlive this.
  explicit ArmFrames(Session* session, QObject* parent = nullptr);

  /// Whether the robot's state of a frame is known; if not, it is requested, and changed() follows.
  bool has_robot(qint64 frame) { return track_.has(frame); }
  /// Whether the frame was read and has no robot state: a video, a camera.
  bool lacks_robot(qint64 frame) const { return track_.lacks(frame); }

  /// Null unless has_robot(frame). `posed` tells how the joints were computed.
  ArmStatePtr state(const ArmModelPtr& model, qint64 frame, double step_scale, ArmModel::Posed* posed = nullptr);

 Q_SIGNALS:
  void changed(qint64 frame);

 private:
  QColor color_of(const FrameRecord* record) const;
  void add_predictions(ArmState& state, const RobotTrack::Robot& robot, const FrameRecord& record) const;
  void add_paths(ArmState& state, qint64 frame) const;

  Session* session_;
  RobotTrack track_;
  std::vector<double> last_joints_;  // start of inverse kinematics
  ArmModelPtr last_model_;
};

}  // namespace deer
