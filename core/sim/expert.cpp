// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/expert.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "core/robot/action.h"
#include "core/sim/table_layout.h"

namespace deer {
namespace {

// The gripper points down, its fingers open along the world's x.
constexpr double kDown = std::numbers::pi;
constexpr double kYaw = std::numbers::pi / 2;

constexpr double kHover = 0.56;      // clears the blocks
constexpr double kHighHover = 0.60;  // clears the sliding door

// Part of the remaining way commanded in one step.
constexpr double kGain = 0.35;
constexpr double kTurnGain = 0.30;

// Target of the TCP and how to move there.
struct Motion {
  Vector3 goal{};      // m
  double yaw = kYaw;   // rad
  double speed = 0.9;  // largest action
  bool open = false;
};

double square(double value) { return value * value; }

double distance_xy(const Vector3& a, const Vector3& b) { return std::hypot(a[0] - b[0], a[1] - b[1]); }

std::array<double, 7> action_of(const Motion& motion, const TableState& state) {
  const Pose& tcp = state.world_from_tcp;
  std::array<double, 7> action{};
  double largest = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    action[i] = kGain * (motion.goal[i] - tcp.position[i]) / kMetresPerUnit;
    largest += square(action[i]);
  }
  largest = std::sqrt(largest);
  if (largest > motion.speed) {
    for (std::size_t i = 0; i < 3; ++i) action[i] *= motion.speed / largest;
  }
  const Vector3 euler = euler_xyz(tcp);
  const Vector3 wanted = {kDown, 0, motion.yaw};
  for (std::size_t i = 0; i < 3; ++i) {
    action[i + 3] = std::clamp(kTurnGain * wrap_angle(wanted[i] - euler[i]) / kRadiansPerUnit, -1.0, 1.0);
  }
  action[6] = motion.open ? 1 : -1;
  return action;
}

// Approaches `goal` from above in a cone: the target height grows with the remaining horizontal distance. Below the
// cone it rises first. Everything is a continuous function of the current pose.
Motion descend(const TableState& state, const Vector3& goal, double yaw, bool open, double hover = kHover,
               double slack = 0.012, double slope = 1.6) {
  const Vector3& tcp = state.world_from_tcp.position;
  const double aside = distance_xy(tcp, goal);
  const double turned = std::abs(wrap_angle(euler_xyz(state.world_from_tcp)[2] - yaw));
  const double rise =
      std::clamp(slope * (aside - slack) + 0.15 * std::max(0.0, turned - 0.15), 0.0, std::max(0.0, hover - goal[2]));
  Motion motion{goal, yaw, 0.9, open};
  motion.goal[2] += rise;
  const double below = motion.goal[2] - tcp[2];
  const double sideways = std::clamp(1 - (below - 0.012) / 0.04, 0.0, 1.0);
  // Horizontal motion is limited to one step, so that it does not dominate the rise.
  const double stride = motion.speed * kMetresPerUnit / kGain;
  const double part = sideways * std::min(1.0, stride / std::max(aside, 1e-9));
  for (std::size_t i = 0; i < 2; ++i) motion.goal[i] = tcp[i] + part * (goal[i] - tcp[i]);
  return motion;
}

// Moves something along `axis` (0: x, 1: y) in `direction` with a closed gripper placed at `beside`. `reach` is the
// maximum distance from the object's centre at which the gripper counts as pushing.
struct Push {
  Vector3 thing{};
  std::size_t axis = 0;
  double direction = 1;
  double stand_off = 0.06;
  double reach = 0.08;
  double height = 0;
  double hover = kHover;
  double speed = 0.55;
  double slope = 1.6;  // of the approach cone
};

Motion push(const TableState& state, const Push& what) {
  const Vector3& tcp = state.world_from_tcp.position;
  const std::size_t across = 1 - what.axis;
  const double behind = (what.thing[what.axis] - tcp[what.axis]) * what.direction;
  const bool engaged = behind > 0.004 && behind < what.reach && std::abs(tcp[across] - what.thing[across]) < 0.02 &&
                       std::abs(tcp[2] - what.height) < 0.016;
  if (engaged) {
    Motion motion{tcp, kYaw, what.speed, false};
    motion.goal[what.axis] += what.direction * what.speed * kMetresPerUnit / kGain;
    motion.goal[across] = what.thing[across];
    motion.goal[2] = what.height;
    return motion;
  }
  Vector3 start = what.thing;
  start[what.axis] -= what.direction * what.stand_off;
  start[2] = what.height;
  return descend(state, start, kYaw, false, what.hover, 0.012, what.slope);
}

// Something is between the fingers or would be caught by closing them: open and rise.
std::optional<Motion> let_go(const TableState& state) {
  const Vector3& tcp = state.world_from_tcp.position;
  for (const Pose& block : state.blocks) {
    const bool inside = distance_xy(block.position, tcp) < 0.03 && std::abs(block.position[2] - tcp[2]) < 0.03;
    if (!inside) continue;
    Motion motion{tcp, euler_xyz(state.world_from_tcp)[2], 0.9, true};
    if (state.gripper_opening > 0.06) motion.goal[2] += 0.1;
    return motion;
  }
  return std::nullopt;
}

// Opening the fingers here does not knock a block away.
bool clear_of_blocks(const TableState& state) {
  const Vector3& tcp = state.world_from_tcp.position;
  for (const Pose& block : state.blocks) {
    if (std::abs(block.position[0] - tcp[0]) < 0.10 && std::abs(block.position[1] - tcp[1]) < 0.05 &&
        std::abs(block.position[2] - tcp[2]) < 0.05) {
      return false;
    }
  }
  return true;
}

bool holds(const TableState& state, std::size_t block) {
  return state.touches_both_fingers[block] && !state.gripper_commanded_open && state.gripper_opening < 0.056;
}

// Grasps a block; once it is held, continues with `then`.
template <typename Then>
Motion grasp(const TableState& state, std::size_t block, const Then& then) {
  const Vector3& tcp = state.world_from_tcp.position;
  const Pose& pose = state.blocks[block];
  if (holds(state, block)) return then();
  Vector3 goal = pose.position;
  goal[2] = std::max(goal[2] - 0.002, 0.365);
  const double yaw = grasp_yaw(pose);
  const double turned = std::abs(wrap_angle(euler_xyz(state.world_from_tcp)[2] - yaw));
  const bool there = distance_xy(tcp, goal) < 0.015 && std::abs(tcp[2] - goal[2]) < 0.013 && turned < 0.25;
  const double closed = state.looks[block].is_small() ? 0.018 : 0.03;
  if (there && state.gripper_opening > closed) return {goal, yaw, 0.5, false};
  Motion motion = descend(state, goal, yaw, state.gripper_opening > closed || clear_of_blocks(state));
  // Do not descend on the block with closed fingers.
  if (state.gripper_opening < 0.07) motion.goal[2] = std::max(motion.goal[2], pose.position[2] + 0.06);
  return motion;
}

std::size_t block_held(const TableState& state) {
  for (std::size_t i = 0; i < state.count(); ++i) {
    if (state.touches_both_fingers[i]) return i;
  }
  return 0;
}

// The best block to stack a held one on: the nearest free one.
std::size_t block_to_stack_on(const TableState& state, std::size_t held) {
  std::size_t best = held == 0 ? 1 : 0;
  double nearest = 1e9;
  for (std::size_t i = 0; i < state.count(); ++i) {
    const double away = distance_xy(state.blocks[i].position, state.blocks[held].position);
    const bool lies = std::abs(state.blocks[i].position[2] - state.height_on_table(i)) < 0.012;
    if (i != held && lies && away < nearest) {
      nearest = away;
      best = i;
    }
  }
  return best;
}

Motion rise(const TableState& state, bool open) {
  Motion motion{state.world_from_tcp.position, euler_xyz(state.world_from_tcp)[2], 0.8, open};
  motion.goal[2] += 0.1;
  return motion;
}

Motion move_drawer(const TableState& state, double direction) {
  const Vector3& tcp = state.world_from_tcp.position;
  Vector3 gap = kDrawerGap;
  gap[1] -= state.drawer;
  const bool engaged =
      std::abs(tcp[0] - gap[0]) < 0.045 && std::abs(tcp[1] - gap[1]) < 0.03 && std::abs(tcp[2] - gap[2]) < 0.022;
  if (!engaged) return descend(state, gap, kYaw, false, kHover, 0.010);
  Motion motion{tcp, kYaw, 0.6, false};
  motion.goal[0] = gap[0];
  motion.goal[1] += direction * motion.speed * kMetresPerUnit / kGain;
  motion.goal[2] = gap[2];
  return motion;
}

Motion move_slider(const TableState& state, double direction) {
  Vector3 handle = kSliderHandle;
  handle[0] -= state.slider;
  handle[1] = 0.042;
  return push(state, {handle, 0, direction, 0.052, 0.08, kSliderHandle[2], kHighHover, 0.6, 3.5});
}

Motion move_lever(const TableState& state, double direction) {
  Vector3 lever = kLever;
  lever[1] += state.lever;
  return push(state, {lever, 1, direction, 0.042, 0.06, 0.470, kHover, 0.5});
}

Motion press_button(const TableState& state) {
  Vector3 down = kButtonTop;
  down[2] -= 0.022;
  return descend(state, down, kYaw, false, kHover, 0.012);
}

Motion push_block(const TableState& state, std::size_t block, double direction) {
  return push(state, {state.blocks[block].position, 0, direction, 0.064, 0.09, 0.457, kHover, 0.5});
}

Motion rotate_block(const TableState& state, std::size_t block, double direction) {
  return grasp(state, block, [&] {
    Motion motion{state.world_from_tcp.position, 0, 0.5, false};
    motion.goal[2] = kBlockOnTable;
    motion.yaw = wrap_angle(euler_xyz(state.world_from_tcp)[2] + direction * 0.3);
    return motion;
  });
}

Motion drop_in_drawer(const TableState& state, std::size_t block) {
  const Vector3& tcp = state.world_from_tcp.position;
  // The middle of its open part; beside the blocks that are in it, of which CALVIN's tasks have none as a rule.
  Vector3 goal = kDrawerMiddle;
  if (!state.is_calvins()) goal[0] = free_drawer_place(state, block).value_or(goal[0]);
  goal[1] = kTableFront - 0.005 - state.drawer / 2;
  goal[2] = 0.455;
  if (state.touches_drawer[block]) return rise(state, true);
  if (!state.touches_finger[block] && state.blocks[block].position[2] < kTableTop) return rise(state, true);
  return grasp(state, block, [&] {
    const bool above = distance_xy(tcp, goal) < 0.03 && tcp[2] < goal[2] + 0.02;
    if (above) return Motion{goal, kYaw, 0.5, true};
    return descend(state, goal, kYaw, false, kHover, 0.02);
  });
}

Motion stack(const TableState& state, std::size_t block, std::size_t below) {
  const Vector3& tcp = state.world_from_tcp.position;
  const double together = state.half(block) + state.half(below);
  Vector3 goal = state.blocks[below].position;
  const bool placed = state.touches_block[block][below] && distance_xy(state.blocks[block].position, goal) < 0.018 &&
                      state.blocks[block].position[2] - goal[2] > 0.85 * together;
  if (placed) {
    if (state.gripper_opening > 0.058) return rise(state, true);
    return {tcp, euler_xyz(state.world_from_tcp)[2], 0.5, true};
  }
  return grasp(state, block, [&] {
    // Target of the block, given the TCP's position on it.
    for (std::size_t i = 0; i < 3; ++i) goal[i] += tcp[i] - state.blocks[block].position[i];
    goal[2] += together - 0.001;
    return descend(state, goal, kYaw, false, kHover + 0.02, 0.007);
  });
}

Motion unstack(const TableState& state, const TableState& start) {
  for (std::size_t i = 0; i < start.count(); ++i) {
    for (std::size_t j = 0; j < start.count(); ++j) {
      const bool on_top = i != j && start.touches_block[i][j] &&
                          start.blocks[i].position[2] - start.blocks[j].position[2] > 1.5 * kBlockHalf;
      if (on_top) return grasp(state, i, [&] { return rise(state, false); });
    }
  }
  return rise(state, true);
}

}  // namespace

// The first part until it is done; then the second, even if a disturbance touches the first block again.
std::array<double, 7> Expert::act_in_sequence(const TableState& state) const {
  const auto lift = [&](std::size_t block) { return grasp(state, block, [&] { return rise(state, false); }); };
  const auto push_freely = [&](std::size_t block, double direction) {
    const auto motion = let_go(state);
    return motion ? *motion : push_block(state, block, direction);
  };
  const std::size_t first = blocks_.first.value_or(0);
  const std::size_t second = blocks_.second.value_or(0);
  const bool next = first_part_done(*task_, blocks_, start_, state);
  using enum Task::Kind;
  switch (task_->kind) {
    case push_then_lift:
      return action_of(next || holds(state, second) ? lift(second) : push_freely(first, 1), state);
    case push_then_push:
      return action_of(next ? push_freely(second, -1) : push_freely(first, 1), state);
    case place_then_lift:
      return action_of(next || holds(state, second) ? lift(second) : drop_in_drawer(state, first), state);
    default: {
      if (next || holds(state, first)) return action_of(lift(first), state);
      const auto motion = let_go(state);
      return action_of(motion ? *motion : press_button(state), state);
    }
  }
}

std::array<double, 7> Expert::act(const TableState& state) const {
  const std::size_t block = blocks_.first.value_or(0);
  using enum Task::Kind;
  // Tasks for a closed, empty gripper.
  switch (task_->kind) {
    case open_drawer:
    case close_drawer:
    case move_slider_left:
    case move_slider_right:
    case turn_on_led:
    case turn_off_led:
    case turn_on_lightbulb:
    case turn_off_lightbulb:
    case push_left:
    case push_right:
      if (const auto motion = let_go(state)) return action_of(*motion, state);
      break;
    default:
      break;
  }
  switch (task_->kind) {
    case open_drawer:
      return action_of(move_drawer(state, -1), state);
    case close_drawer:
      return action_of(move_drawer(state, 1), state);
    case move_slider_left:
      return action_of(move_slider(state, -1), state);
    case move_slider_right:
      return action_of(move_slider(state, 1), state);
    case turn_on_led:
    case turn_off_led:
      return action_of(press_button(state), state);
    case turn_on_lightbulb:
      return action_of(move_lever(state, 1), state);
    case turn_off_lightbulb:
      return action_of(move_lever(state, -1), state);
    case push_left:
      return action_of(push_block(state, block, -1), state);
    case push_right:
      return action_of(push_block(state, block, 1), state);
    case rotate_left:
      return action_of(rotate_block(state, block, 1), state);
    case rotate_right:
      return action_of(rotate_block(state, block, -1), state);
    case lift_table:
    case lift_drawer:
      return action_of(grasp(state, block, [&] { return rise(state, false); }), state);
    case place_in_drawer:
      return action_of(drop_in_drawer(state, block_held(start_)), state);
    case place_block:
      return action_of(drop_in_drawer(state, block), state);
    case stack_block: {
      const auto held = block_held(start_);
      return action_of(stack(state, held, block_to_stack_on(state, held)), state);
    }
    case stack_on:
      return action_of(stack(state, block, blocks_.second.value_or(0)), state);
    case unstack_block:
      return action_of(unstack(state, start_), state);
    default:
      return act_in_sequence(state);
  }
}

double grasp_yaw(const Pose& block) {
  // A horizontal axis of the block, whichever face it rests on.
  double yaw = 0;
  double most_level = 1;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (std::abs(block.rotation[6 + axis]) < most_level) {
      most_level = std::abs(block.rotation[6 + axis]);
      yaw = std::atan2(block.rotation[3 + axis], block.rotation[axis]);
    }
  }
  return kYaw + std::remainder(yaw, std::numbers::pi / 2);
}

}  // namespace deer
