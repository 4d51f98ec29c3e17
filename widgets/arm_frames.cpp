// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/arm_frames.h"

#include <algorithm>
#include <cmath>

#include "core/robot/action.h"
#include "core/robot/panda.h"

namespace deer {
namespace {

constexpr double kOpen = 0.08;  // m, of the whole gripper
constexpr double kTorn = 0.08;  // m between two frames: not a movement, but another beginning
constexpr std::array<QRgb, 3> kBlocks = {0xc25b52, 0x5b7fc2, 0xd08fae};  // red, blue, pink: what they are

bool is_finite(const std::array<double, 15>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v) && std::abs(v) < 1e3; });
}

std::array<double, 7> as_action(const std::array<float, 6>& arm, bool open) {
  std::array<double, 7> out{};
  std::copy(arm.begin(), arm.end(), out.begin());
  out[6] = open ? 1 : -1;
  return out;
}

Vector3 position_of(const std::array<double, 15>& obs) { return {obs[0], obs[1], obs[2]}; }
Vector3 euler_of(const std::array<double, 15>& obs) { return {obs[3], obs[4], obs[5]}; }

double distance(const Vector3& a, const Vector3& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

}  // namespace

Pose stepped(const Vector3& position, const Vector3& euler, const std::array<double, 7>& rel_action, double scale) {
  const auto motion = motion_from_action(rel_action);
  Vector3 to = position, turned = euler;
  for (std::size_t i = 0; i < 3; ++i) {
    to[i] += scale * motion.translation_m[i];
    turned[i] += scale * motion.rotation_rad[i];
  }
  return pose_from_euler(to, turned);
}

ArmFrames::ArmFrames(Session* session, QObject* parent) : QObject(parent), session_(session) {
  connect(session, &Session::episode_changed, this, &ArmFrames::forget);
  connect(session, &Session::frames_added, this, [this](qint64 first, qint64 last) {
    for (qint64 frame = first; frame <= last; ++frame) note(frame);
  });
  connect(session, &Session::observation_ready, this, [this](qint64 frame) {
    if (note(frame)) Q_EMIT changed(frame);
  });
  forget();
}

void ArmFrames::forget() {
  robots_.clear();
  if (!session_->is_live()) return;
  for (qint64 frame = 0; frame < session_->frame_count(); ++frame) note(frame);
}

bool ArmFrames::note(qint64 frame) {
  if (frame < 0 || frame >= session_->frame_count()) return false;
  if (static_cast<qint64>(robots_.size()) <= frame) robots_.resize(static_cast<std::size_t>(frame) + 1);
  auto& robot = robots_[static_cast<std::size_t>(frame)];
  if (robot.read) return true;
  if (!session_->frame_problem(frame).isEmpty()) {
    robot.read = true;
    return true;
  }
  const auto observation = session_->observation(frame);
  if (!observation) return false;
  robot.read = true;
  robot.starts_episode = observation->starts_episode;
  robot.rel_action = observation->rel_action;
  robot.scene_obs = observation->scene_obs;
  if (observation->robot_obs && is_finite(*observation->robot_obs)) {
    robot.there = true;
    robot.obs = *observation->robot_obs;
  }
  return true;
}

const ArmFrames::Robot* ArmFrames::known(qint64 frame) const {
  if (frame < 0 || frame >= static_cast<qint64>(robots_.size())) return nullptr;
  const auto& robot = robots_[static_cast<std::size_t>(frame)];
  return robot.there ? &robot : nullptr;
}

bool ArmFrames::has_robot(qint64 frame) { return note(frame) && known(frame); }

bool ArmFrames::lacks_robot(qint64 frame) const {
  if (frame < 0 || frame >= static_cast<qint64>(robots_.size())) return false;
  const auto& robot = robots_[static_cast<std::size_t>(frame)];
  return robot.read && !robot.there;
}

void ArmFrames::ask_around(qint64 frame) {
  if (session_->is_live()) return;  // all of them were noted as they came
  // The last one asked for is read first: from afar to near.
  for (qint64 far = std::max(kPast, kAhead); far > 0; --far) {
    for (const qint64 one : {frame - far, frame + far}) {
      if (one < 0 || one >= session_->frame_count() || one < frame - kPast || one > frame + kAhead) continue;
      if (one >= static_cast<qint64>(robots_.size()) || !robots_[static_cast<std::size_t>(one)].read) note(one);
    }
  }
}

QColor ArmFrames::color_of(const FrameRecord* record) const {
  const auto* const model = session_->model();
  if (!record || !model) return Theme::instance().colors().recorded;
  return Theme::instance().exit_color(record->exit_index, static_cast<int>(model->exit_layers.size()));
}

void ArmFrames::add_predictions(ArmState& state, const Robot& robot, const FrameRecord& record) const {
  const auto* const model = session_->model();
  if (!model) return;
  const int exits = static_cast<int>(model->exit_layers.size());
  const auto place = [&](const std::array<double, 7>& action) {
    return stepped(position_of(robot.obs), euler_of(robot.obs), action, state.step_scale);
  };
  const auto add = [&](const std::array<float, 6>& arm, bool open, int exit, bool executed) {
    const bool singled_out = exit >= 0 && exit == session_->selected_exit();
    state.predictions.push_back({place(as_action(arm, open)), open ? kOpen : 0,
                                 Theme::instance().exit_color(exit, exits), exit, executed, singled_out});
  };
  for (int exit = 0; exit < exits; ++exit) {
    const auto* const probe = record.probe_at(model->exit_layers[static_cast<std::size_t>(exit)]);
    // The one taken is shown as it was executed.
    if (probe && exit != record.exit_index) add(probe->arm, probe->gripper_probability > 0.5F, exit, false);
  }
  std::array<float, 6> executed{};
  std::copy_n(record.command.begin(), 6, executed.begin());
  add(executed, record.command[6] > 0, record.exit_index, true);
}

void ArmFrames::add_paths(ArmState& state, qint64 frame) const {
  const auto* const here = known(frame);
  // Back to where the robot was put somewhere else, or where nothing is known.
  std::vector<ArmPathPoint> past;
  const Robot* later = here;
  past.push_back({position_of(here->obs), color_of(session_->record(frame).get())});
  for (qint64 one = frame - 1; one >= std::max<qint64>(0, frame - kPast); --one) {
    const auto* const robot = known(one);
    if (!robot || later->starts_episode || distance(position_of(robot->obs), position_of(later->obs)) > kTorn) break;
    past.push_back({position_of(robot->obs), color_of(session_->record(one).get())});
    later = robot;
  }
  std::reverse(past.begin(), past.end());
  state.past = std::move(past);

  state.recorded_path.push_back(position_of(here->obs));
  Vector3 reached = position_of(here->obs);
  bool goes_on = true;
  const Robot* before = here;
  for (qint64 one = frame; one < std::min(session_->frame_count(), frame + kAhead); ++one) {
    const auto record = session_->record(one);
    goes_on = goes_on && record;
    if (goes_on) {
      std::array<double, 7> command{};
      std::copy(record->command.begin(), record->command.end(), command.begin());
      const auto step = motion_from_action(command).translation_m;
      const auto color = color_of(record.get());
      if (state.predicted.empty()) state.predicted.push_back({reached, color});
      for (std::size_t i = 0; i < 3; ++i) reached[i] += step[i];
      state.predicted.push_back({reached, color});
    }
    const auto* const next = known(one + 1);
    if (!next || next->starts_episode || distance(position_of(next->obs), position_of(before->obs)) > kTorn) break;
    state.recorded_path.push_back(position_of(next->obs));
    before = next;
  }
}

ArmStatePtr ArmFrames::state(const ArmModelPtr& model, qint64 frame, double step_scale, ArmModel::Posed* posed) {
  if (!model || !has_robot(frame)) return nullptr;
  // Pointing along a timeline would ask for all of it.
  if (session_->hovered_frame() < 0) ask_around(frame);
  const Robot robot = *known(frame);
  if (model != last_model_) last_joints_.clear();
  last_model_ = model;

  auto out = std::make_shared<ArmState>();
  out->model = model;
  out->world_from_base = kSceneDWorldFromBase;
  auto pose = model->pose(robot.obs, out->world_from_base, last_joints_);
  out->joints = last_joints_ = pose.joints;
  if (posed) *posed = std::move(pose);
  out->world_from_tcp = world_from_tcp_observed(robot.obs);
  out->opening_m = robot.obs[6];
  out->commanded_open = robot.obs[14] > 0;
  out->step_scale = step_scale;
  out->colors = Theme::instance().colors();
  out->dark = Theme::instance().is_dark();
  if (robot.rel_action) {
    ArmHand hand;
    hand.world_from_tcp = stepped(position_of(robot.obs), euler_of(robot.obs), *robot.rel_action, step_scale);
    hand.opening_m = (*robot.rel_action)[6] > 0 ? kOpen : 0;
    hand.color = out->colors.recorded;
    out->recorded = hand;
  }
  if (const auto record = session_->record(frame)) add_predictions(*out, robot, *record);
  add_paths(*out, frame);
  if (robot.scene_obs) {
    for (std::size_t i = 0; i < 3; ++i) {
      const auto* const at = &(*robot.scene_obs)[6 + 6 * i];
      if (!std::all_of(at, at + 6, [](double v) { return std::isfinite(v) && std::abs(v) < 10; })) continue;
      const auto color = Theme::mix(QColor::fromRgb(kBlocks[i]), out->colors.background, 0.25);
      out->blocks.push_back({pose_from_euler({at[0], at[1], at[2]}, {at[3], at[4], at[5]}), color});
    }
  }
  return out;
}

}  // namespace deer
