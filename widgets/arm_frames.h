// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <vector>

#include "sessions/session.h"
#include "widgets/arm_state.h"

namespace deer {

/// Makes the ArmState of a frame from what a session knows. Robot states are a few hundred bytes: they are
/// kept once seen, also when their pictures have left the session's cache, and those around the shown
/// frame are asked for.
class ArmFrames : public QObject {
  Q_OBJECT

 public:
  static constexpr qint64 kPast = 90;   ///< frames of the path behind
  static constexpr qint64 kAhead = 45;  ///< frames of the paths ahead
  static constexpr std::array<double, 3> kScales = {1, 5, 20};

  /// `session` must outlive this.
  explicit ArmFrames(Session* session, QObject* parent = nullptr);

  /// Whether the robot's state of a frame is known; if not, it is asked for, and changed() follows.
  bool has_robot(qint64 frame);
  /// Whether the frame was read and has no robot state: a video, a camera.
  bool lacks_robot(qint64 frame) const;

  /// Null unless has_robot(frame). `posed` says how the joints came about.
  ArmStatePtr state(const ArmModelPtr& model, qint64 frame, double step_scale, ArmModel::Posed* posed = nullptr);

 Q_SIGNALS:
  void changed(qint64 frame);

 private:
  struct Robot {
    bool read = false;
    bool there = false;
    bool starts_episode = false;
    std::array<double, 15> obs{};
    std::optional<std::array<double, 7>> rel_action;
    std::optional<std::array<double, 24>> scene_obs;
  };

  void forget();
  bool note(qint64 frame);  ///< whether it was there to be noted
  const Robot* known(qint64 frame) const;
  void ask_around(qint64 frame);
  QColor color_of(const FrameRecord* record) const;
  void add_predictions(ArmState& state, const Robot& robot, const FrameRecord& record) const;
  void add_paths(ArmState& state, qint64 frame) const;

  Session* session_;
  std::vector<Robot> robots_;
  std::vector<double> last_joints_;  // where inverse kinematics begins
  ArmModelPtr last_model_;
};

/// The pose that a relative action leads to from `from`, drawn `scale` times as far.
Pose stepped(const Vector3& position, const Vector3& euler_xyz, const std::array<double, 7>& rel_action, double scale);

}  // namespace deer
