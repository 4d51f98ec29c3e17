// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/robot/inverse_kinematics.h"
#include "core/robot/panda.h"

namespace deer {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return out;
}

std::vector<bool> below(const RobotModel& robot, std::size_t root) {
  std::vector<bool> inside(robot.links().size(), false);
  for (std::size_t i = root; i < inside.size(); ++i) {
    const int parent = robot.links()[i].parent;
    inside[i] = i == root || (parent >= 0 && inside[static_cast<std::size_t>(parent)]);
  }
  return inside;
}

}  // namespace

std::string guess_tcp_link(const RobotModel& robot) {
  const auto& links = robot.links();
  std::vector<int> moved(links.size(), 0);
  std::vector<bool> is_tip(links.size(), true);
  for (std::size_t i = 1; i < links.size(); ++i) {
    const auto parent = static_cast<std::size_t>(links[i].parent);
    moved[i] = moved[parent] + (links[i].joint >= 0 ? 1 : 0);
    is_tip[parent] = false;
  }
  for (const char* const name :
       {kPandaTcpLink, "tcp", "tool0", "ee_link", "end_effector", "grasp", "tool", "hand", "gripper", "flange"}) {
    for (std::size_t i = 0; i < links.size(); ++i) {
      if (moved[i] > 0 && lower(links[i].name).find(name) != std::string::npos) return links[i].name;
    }
  }
  std::size_t best = 0;
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (is_tip[i] && moved[i] > moved[best]) best = i;
  }
  return links[best].name;
}

std::vector<std::size_t> hand_links(const RobotModel& robot, std::string_view tcp) {
  const auto& links = robot.links();
  std::size_t root = robot.link_index(tcp);
  std::vector<bool> inside;
  for (;;) {
    inside = below(robot, root);
    bool drawn = false;
    for (std::size_t i = root; i < links.size(); ++i) drawn = drawn || (inside[i] && !links[i].visuals.empty());
    if (drawn || links[root].parent < 0) break;
    root = static_cast<std::size_t>(links[root].parent);
  }
  std::vector<std::size_t> out;
  for (std::size_t i = root; i < links.size(); ++i) {
    if (inside[i]) out.push_back(i);
  }
  return out;
}

std::vector<double> rest_positions(const RobotModel& robot) {
  // CALVIN's initial joints.
  constexpr std::array<double, 7> kPanda = {-1.21779206, 1.03987646, 2.11978261, -2.34205014,
                                            -0.87015947, 1.64119353, 0.55344866};
  std::vector<double> out;
  for (const auto& joint : robot.joints()) {
    const auto place = out.size();
    const bool of_panda = place < kPanda.size() && joint.name == "panda_joint" + std::to_string(place + 1);
    out.push_back(std::clamp(of_panda ? kPanda[place] : 0.0, joint.lower, joint.upper));
  }
  return out;
}

}  // namespace deer
