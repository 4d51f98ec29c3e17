// SPDX-License-Identifier: GPL-3.0-or-later
// What the cameras and numbers of a dataset most likely are, from the names that published datasets use.
#include "core/episodes/mapping_guess.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>
#include <string>
#include <string_view>

#include "core/episodes/calvin_columns.h"

namespace deer {
namespace {

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

bool is_depth(std::string_view name) { return has_any(name, {"depth", "segmentation", "mask"}); }

bool is_on_the_hand(std::string_view name) {
  return has_any(name, {"wrist", "gripper", "hand", "eye_in"}) && !has_any(name, {"handover"});
}

// Smaller is more likely a camera that sees the whole scene.
int scene_rank(std::string_view name) {
  constexpr std::array<std::string_view, 16> kNames = {"static",   "agentview", "third", "front", "exterior", "scene",
                                                       "image_0",  "image_1",   "main",  "top",   "high",     "base",
                                                       "overhead", "head",      "ego",   "image"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name.find(kNames[i]) != std::string_view::npos) return static_cast<int>(i);
  }
  return static_cast<int>(kNames.size());
}

void guess_cameras(const RecordingSchema& schema, Mapping& out) {
  int best = -1;
  for (const auto& camera : schema.cameras) {
    if (camera.upside_down) out.flipped.push_back(camera.name);
    const auto name = lowered(camera.name);
    if (is_depth(name)) continue;
    if (is_on_the_hand(name)) {
      if (out.gripper_camera.empty()) out.gripper_camera = camera.name;
      continue;
    }
    const int rank = scene_rank(name);
    if (best < 0 || rank < best) {
      best = rank;
      out.static_camera = camera.name;
    }
  }
}

// The part of a name behind its group: "obs/robot0_eef_pos", "observation.state".
std::string_view last_part(std::string_view name) {
  const auto at = name.find_last_of("/.");
  return at == std::string_view::npos ? name : name.substr(at + 1);
}

std::string unit_of(const RecordingSchema& schema, const RecordedSeries& series, std::size_t column) {
  const auto name = lowered(series.name);
  const auto of = lowered(series.columns[column]);
  // LeRobot's own arms: joints in degrees, or as parts of their way, which are about as many; the gripper in percent.
  const bool small_arm = has_any(lowered(schema.robot), {"so100", "so101", "so_100", "so_101", "koch", "lekiwi"});
  if (small_arm && of.ends_with(".pos")) return has_any(of, {"gripper"}) ? "%" : "°";
  if (has_any(of, {"gripper", "hand"})) return {};
  const auto last = last_part(name);
  if (has_any(last, {"eef_pos", "ee_pos", "tcp_pos"}) && series.columns.size() == 3) return "m";
  if (has_any(last, {"joint_pos", "joint_states", "qpos"}) && !has_any(last, {"gripper", "sin", "cos"})) return "rad";
  // Robots whose recorders store joint angles in radians.
  const bool radians = has_any(lowered(schema.robot), {"aloha", "unitree", "franka", "panda", "ur5", "ur10", "iiwa"});
  const bool joint = has_any(of, {"joint", "shoulder", "elbow", "wrist", "waist", "forearm", "hip", "knee", "ankle"});
  return radians && joint ? "rad" : "";
}

void add_series(const RecordingSchema& schema, const RecordedSeries& series, std::vector<MappedColumn>& out) {
  for (std::size_t i = 0; i < series.columns.size(); ++i) {
    const auto& name = series.columns[i];
    const auto shown = !name.empty()                ? name
                       : series.columns.size() == 1 ? series.name
                                                    : series.name + "[" + std::to_string(i) + "]";
    out.push_back({series.name, i, shown, unit_of(schema, series, i)});
  }
}

const RecordedSeries* first_of(const RecordingSchema& schema, std::initializer_list<std::string_view> names) {
  for (const auto wanted : names) {
    for (const auto& series : schema.series) {
      const auto name = lowered(series.name);
      if (name == wanted || last_part(name) == wanted) return &series;
    }
  }
  return nullptr;
}

void guess_state(const RecordingSchema& schema, Mapping& out) {
  // robomimic and MimicGen hold the parts of the robot's state as separate series, LIBERO too.
  for (const char* part :
       {"eef_pos", "eef_quat", "gripper_qpos", "joint_pos", "ee_states", "gripper_states", "joint_states"}) {
    for (const auto& series : schema.series) {
      const auto last = last_part(series.name);
      const bool robosuite = last.starts_with("robot") && last.substr(last.find('_') + 1) == part;
      if (robosuite || last == part) add_series(schema, series, out.state);
    }
  }
  if (!out.state.empty()) return;
  const auto* found =
      first_of(schema, {"observation.state", "state", "robot_obs", "qpos", "agent_pos", "proprio", "states"});
  if (found == nullptr) {
    for (const auto& series : schema.series) {
      if (lowered(series.name).find("state") != std::string::npos) {
        found = &series;
        break;
      }
    }
  }
  if (found != nullptr) add_series(schema, *found, out.state);
}

bool has_calvin_state(const RecordingSchema& schema) {
  const auto* const state = first_of(schema, {"observation.state"});
  return state != nullptr && state->columns == calvin_robot_names();
}

void guess_action(const RecordingSchema& schema, Mapping& out) {
  const auto* const found = first_of(schema, {"action", "actions"});
  if (found == nullptr) return;
  const auto& pose = schema.relative_pose;
  if (found->columns.size() == 7 && pose.metres > 0 && pose.radians > 0) {
    constexpr double kMetres = 50;  // DeeR's relative action: position x 50, angle x 20
    constexpr double kRadians = 20;
    constexpr std::array kNames = {"x", "y", "z", "turn x", "turn y", "turn z", "gripper"};
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      const double scale = i < 3 ? pose.metres * kMetres : i < 6 ? pose.radians * kRadians : -1;  // +1 closes there
      out.action.push_back({found->name, i, kNames[i], {}, scale});
    }
    out.deer_action = true;
    return;
  }
  add_series(schema, *found, out.action);
  // CALVIN's data as this program writes them: the action is the relative one.
  out.deer_action = found->columns == calvin_action_names() && has_calvin_state(schema);
}

}  // namespace

std::vector<MappedColumn> columns_of(const RecordingSchema& schema) {
  std::vector<MappedColumn> out;
  for (const auto& series : schema.series) add_series(schema, series, out);
  return out;
}

Mapping guess_mapping(const RecordingSchema& schema) {
  Mapping out;
  guess_cameras(schema, out);
  guess_state(schema, out);
  guess_action(schema, out);
  return out;
}

}  // namespace deer
