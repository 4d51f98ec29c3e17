// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/tasks.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/robot/action.h"
#include "core/sim/table_layout.h"

namespace deer {
namespace {

constexpr std::array<const char*, 3> kColours = {"red", "blue", "pink"};

std::string with_colour(std::string text, const char* colour) {
  const auto at = text.find("{}");
  return at == std::string::npos ? text : text.replace(at, 2, colour);
}

void add_for_blocks(std::vector<Task>& tasks, Task::Kind kind, const std::string& name,
                    const std::vector<std::string>& phrasings) {
  for (const Block block : kBlocks) {
    const char* colour = kColours[static_cast<std::size_t>(block)];
    Task task{with_colour(name, colour), kind, block, {}};
    for (const auto& phrasing : phrasings) task.instructions.push_back(with_colour(phrasing, colour));
    tasks.push_back(std::move(task));
  }
}

std::vector<Task> make_tasks() {
  using enum Task::Kind;
  std::vector<Task> tasks = {
      {"open_drawer",
       open_drawer,
       {},
       {"open the drawer", "pull the handle to open the drawer", "pull out the drawer"}},
      {"close_drawer",
       close_drawer,
       {},
       {"close the drawer", "push the handle to close the drawer", "push in the drawer"}},
      {"move_slider_left",
       move_slider_left,
       {},
       {"move the door to the left", "slide the door left", "push the sliding door to the left"}},
      {"move_slider_right",
       move_slider_right,
       {},
       {"move the door to the right", "slide the door right", "push the sliding door to the right"}},
      {"turn_on_led",
       turn_on_led,
       {},
       {"turn on the led", "press the button to turn on the green light", "turn on the green light"}},
      {"turn_off_led",
       turn_off_led,
       {},
       {"turn off the led", "press the button to turn off the green light", "turn off the green light"}},
      {"turn_on_lightbulb",
       turn_on_lightbulb,
       {},
       {"turn on the light bulb", "push the switch to turn on the yellow light", "turn on the yellow light"}},
      {"turn_off_lightbulb",
       turn_off_lightbulb,
       {},
       {"turn off the light bulb", "pull the switch to turn off the yellow light", "turn off the yellow light"}},
  };
  add_for_blocks(tasks, push_left, "push_{}_block_left",
                 {"push the {} block to the left", "slide the {} block left", "move the {} block towards the left"});
  add_for_blocks(tasks, push_right, "push_{}_block_right",
                 {"push the {} block to the right", "slide the {} block right", "move the {} block towards the right"});
  add_for_blocks(tasks, rotate_left, "rotate_{}_block_left",
                 {"rotate the {} block to the left", "turn the {} block left", "take the {} block and rotate it left"});
  add_for_blocks(
      tasks, rotate_right, "rotate_{}_block_right",
      {"rotate the {} block to the right", "turn the {} block right", "take the {} block and rotate it right"});
  add_for_blocks(tasks, lift_table, "lift_{}_block_table",
                 {"lift the {} block", "grasp the {} block and lift it up", "pick up the {} block from the table"});
  add_for_blocks(tasks, lift_drawer, "lift_{}_block_drawer",
                 {"lift the {} block from the drawer", "take the {} block out of the drawer",
                  "pick up the {} block in the drawer"});
  tasks.push_back(
      {"place_in_drawer",
       place_in_drawer,
       {},
       {"place the block in the drawer", "put the block into the drawer", "store the block in the drawer"}});
  tasks.push_back({"stack_block",
                   stack_block,
                   {},
                   {"stack the block on top of another block", "put the block on another block", "stack the blocks"}});
  tasks.push_back({"unstack_block",
                   unstack_block,
                   {},
                   {"take the top block off the stack", "unstack the blocks", "remove the top block"}});
  return tasks;
}

std::string normalised(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  std::string out(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
  std::ranges::transform(out, out.begin(),
                         [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return out;
}

// Change of the yaw, and the angle between the blocks' vertical axes.
struct Turn {
  double yaw = 0;
  double tilt = 0;
};

Turn turn_between(const Pose& start, const Pose& now) {
  // Of the rotation between the two: a cube may rest on any face.
  const Pose turn = Pose{{}, now.rotation} * inverse(Pose{{}, start.rotation});
  const auto& r = turn.rotation;
  return {std::atan2(r[3], r[0]), std::acos(std::clamp(r[8], -1.0, 1.0))};
}

bool rests_on(const TableState& state, std::size_t upper, std::size_t lower) {
  return state.touches_block[upper][lower] && !state.touches_table[upper] && !state.touches_both_fingers[upper] &&
         state.blocks[upper].position[2] - state.blocks[lower].position[2] > 1.5 * kBlockHalf;
}

bool under_another(const TableState& state, std::size_t block) {
  for (std::size_t other = 0; other < 3; ++other) {
    if (other != block && rests_on(state, other, block)) return true;
  }
  return false;
}

bool on_table(const TableState& state, std::size_t block) {
  const Vector3& place = state.blocks[block].position;
  return std::abs(place[2] - kBlockOnTable) < 0.01 && !under_another(state, block);
}

// Where the open fingers can descend on both sides without touching the lever or the button.
bool in_reach(const Vector3& place) {
  return place[0] > -0.245 && place[0] < 0.175 && place[1] > -0.185 && place[1] < 0.0;
}

// Allowed area for pushing a block.
bool in_push_range(const Vector3& place) {
  return place[0] > -0.25 && place[0] < 0.21 && place[1] > -0.185 && place[1] < 0.0;
}

// On the drawer's bottom, or on a block there.
bool in_drawer(const TableState& state, std::size_t block) {
  if (state.blocks[block].position[2] > kTableTop - 0.01) return false;
  if (state.touches_drawer[block]) return true;
  for (std::size_t other = 0; other < 3; ++other) {
    if (state.touches_block[block][other] && state.touches_drawer[other]) return true;
  }
  return false;
}

// Room for the open fingers around the block.
bool has_room(const TableState& state, std::size_t block) {
  const Vector3& place = state.blocks[block].position;
  for (std::size_t other = 0; other < 3; ++other) {
    const Vector3& there = state.blocks[other].position;
    if (other != block && there[2] > kTableTop - 0.02 && std::abs(there[0] - place[0]) < 0.085 &&
        std::abs(there[1] - place[1]) < 0.062) {
      return false;
    }
  }
  return true;
}

// No block in the drawer is so high that the table's edge would block it.
bool nothing_sticks_out(const TableState& state) {
  constexpr double kLyingFlat = 0.375;
  for (std::size_t i = 0; i < 3; ++i) {
    if (in_drawer(state, i) && state.blocks[i].position[2] > kLyingFlat) return false;
  }
  return true;
}

// Nothing at the gripper's position or in the way.
bool free_to_push(const TableState& state, std::size_t block, double direction) {
  constexpr double kBehind = 0.12;
  constexpr double kAhead = 0.155;
  const Vector3& place = state.blocks[block].position;
  for (std::size_t other = 0; other < 3; ++other) {
    const Vector3& there = state.blocks[other].position;
    const double ahead = (there[0] - place[0]) * direction;
    if (other != block && there[2] > kTableTop - 0.02 && std::abs(there[1] - place[1]) < 0.055 && ahead > -kBehind &&
        ahead < kAhead) {
      return false;
    }
  }
  return true;
}

bool held_up(const TableState& state, std::size_t block) {
  return state.touches_both_fingers[block] && !state.touches_table[block] && !state.touches_drawer[block];
}

bool anything_held_up(const TableState& state) { return held_up(state, 0) || held_up(state, 1) || held_up(state, 2); }

}  // namespace

std::span<const Task> all_tasks() {
  static const std::vector<Task> tasks = make_tasks();
  return tasks;
}

const Task& task_named(std::string_view name) {
  const auto found = std::ranges::find(all_tasks(), name, &Task::name);
  if (found != all_tasks().end()) return *found;
  std::string names;
  for (const Task& task : all_tasks()) names += (names.empty() ? "" : ", ") + task.name;
  throw Error("there is no task \"" + printable(name) + "\"; the tasks are " + names);
}

const Task* task_of_instruction(std::string_view instruction) {
  const std::string wanted = normalised(instruction);
  for (const Task& task : all_tasks()) {
    if (std::ranges::find(task.instructions, wanted) != task.instructions.end()) return &task;
  }
  return nullptr;
}

bool succeeded(const Task& task, const TableState& start, const TableState& now) {
  constexpr double kPushed = 0.1;
  constexpr double kRotated = std::numbers::pi / 3;
  constexpr double kTilted = std::numbers::pi / 6;
  constexpr double kSlid = 0.15;
  constexpr double kDrawn = 0.12;
  const auto block = static_cast<std::size_t>(task.block.value_or(Block::red));
  const double pushed = now.blocks[block].position[0] - start.blocks[block].position[0];
  const Turn turn = turn_between(start.blocks[block], now.blocks[block]);
  const auto lifted = [&](double height) {
    return now.blocks[block].position[2] - start.blocks[block].position[2] > height && held_up(now, block);
  };
  using enum Task::Kind;
  switch (task.kind) {
    case open_drawer:
      return now.drawer - start.drawer > kDrawn;
    case close_drawer:
      return start.drawer - now.drawer > kDrawn;
    case move_slider_left:
      return now.slider - start.slider > kSlid;
    case move_slider_right:
      return start.slider - now.slider > kSlid;
    case turn_on_led:
      return now.led_on && !start.led_on;
    case turn_off_led:
      return !now.led_on && start.led_on;
    case turn_on_lightbulb:
      return now.bulb_on && !start.bulb_on;
    case turn_off_lightbulb:
      return !now.bulb_on && start.bulb_on;
    case push_left:
      return -pushed > kPushed && on_table(now, block);
    case push_right:
      return pushed > kPushed && on_table(now, block);
    case rotate_left:
      return turn.yaw > kRotated && turn.tilt < kTilted;
    case rotate_right:
      return -turn.yaw > kRotated && turn.tilt < kTilted;
    case lift_table:
      return lifted(0.05) && on_table(start, block);
    case lift_drawer:
      return lifted(0.05) && in_drawer(start, block);
    case place_in_drawer:
      for (std::size_t i = 0; i < 3; ++i) {
        if (held_up(start, i) && in_drawer(now, i) && !now.touches_finger[i]) return true;
      }
      return false;
    case stack_block:
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 3; ++j) {
          if (i != j && held_up(start, i) && rests_on(now, i, j) && !now.touches_finger[i]) return true;
        }
      }
      return false;
    case unstack_block:
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 3; ++j) {
          if (i != j && rests_on(start, i, j) && !now.touches_block[i][j] && on_table(now, j)) return true;
        }
      }
      return false;
  }
  return false;
}

bool possible(const Task& task, const TableState& state) {
  constexpr double kPushRoom = 0.115;
  constexpr double kOpenEnough = 0.115;
  const auto block = static_cast<std::size_t>(task.block.value_or(Block::red));
  const Vector3& place = state.blocks[block].position;
  const bool free_hand = !anything_held_up(state);
  const bool reachable = on_table(state, block) && in_reach(place) && has_room(state, block);
  const bool pushable = on_table(state, block) && in_push_range(place) && has_room(state, block);
  using enum Task::Kind;
  switch (task.kind) {
    case open_drawer:
      return free_hand && state.drawer < 0.06;
    case close_drawer:
      return free_hand && state.drawer > 0.125 && nothing_sticks_out(state);
    case move_slider_left:
      return free_hand && state.slider < 0.10;
    case move_slider_right:
      return free_hand && state.slider > 0.18;
    // A button that is still pressed must be released first: not directly after toggling the LED.
    case turn_on_led:
      return free_hand && !state.led_on && state.button < kButtonReleased;
    case turn_off_led:
      return free_hand && state.led_on && state.button < kButtonReleased;
    case turn_on_lightbulb:
      return free_hand && !state.bulb_on;
    case turn_off_lightbulb:
      return free_hand && state.bulb_on;
    case push_left:
      return free_hand && pushable && free_to_push(state, block, -1) && place[0] - kPushRoom > -0.25;
    case push_right:
      return free_hand && pushable && free_to_push(state, block, 1) && place[0] + kPushRoom < 0.21;
    case rotate_left:
    case rotate_right:
    case lift_table:
      return free_hand && reachable;
    case lift_drawer:
      return free_hand && in_drawer(state, block) && place[1] < kTableFront - 0.035 && !under_another(state, block);
    case place_in_drawer:
      return !free_hand && state.drawer > kOpenEnough;
    case stack_block:
      if (free_hand) return false;
      for (std::size_t i = 0; i < 3; ++i) {
        if (!held_up(state, i) && on_table(state, i) && in_reach(state.blocks[i].position)) return true;
      }
      return false;
    case unstack_block:
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 3; ++j) {
          if (i != j && free_hand && rests_on(state, i, j) && in_reach(state.blocks[i].position)) return true;
        }
      }
      return false;
  }
  return false;
}

}  // namespace deer
