// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/joint_columns.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <numbers>
#include <string_view>

namespace deer {
namespace {

// "left_shoulder_pan.pos", "left/shoulder_pan_joint" and "LeftShoulderPan" become "leftshoulderpan".
std::string plain_joint_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  constexpr std::array<std::string_view, 4> kEndings = {"position", "joint", "pos", "qpos"};
  for (bool cut = true; cut;) {
    cut = false;
    for (const auto ending : kEndings) {
      if (out.size() > ending.size() && out.ends_with(ending)) {
        out.resize(out.size() - ending.size());
        cut = true;
      }
    }
  }
  if (out.size() > 4 && out.starts_with("main")) out.erase(0, 4);
  return out;
}

bool is_limited(const RobotJoint& joint) { return std::isfinite(joint.lower) && std::isfinite(joint.upper); }

}  // namespace

JointColumns::JointColumns(const RobotModel& robot, std::span<const NamedNumber> columns) {
  std::vector<std::string> names;
  for (const auto& column : columns) names.push_back(plain_joint_name(column.name));
  std::size_t turning = 0, turning_matched = 0;
  for (std::size_t joint = 0; joint < robot.joints().size(); ++joint) {
    const auto& facts = robot.joints()[joint];
    rest_.push_back(is_limited(facts) ? std::clamp(0.0, facts.lower, facts.upper) : 0);
    const bool turns = facts.kind == RobotJoint::Kind::revolute;
    turning += turns ? 1 : 0;
    const auto name = plain_joint_name(facts.name);
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      missing_.push_back(facts.name);
      continue;
    }
    turning_matched += turns ? 1 : 0;
    Match match{joint, static_cast<std::size_t>(found - names.begin())};
    const auto& unit = columns[match.column].unit;
    if (turns && (unit == "°" || unit == "deg" || unit == "degrees")) match.scale = std::numbers::pi / 180;
    if (!turns && unit == "mm") match.scale = 0.001;
    if (unit == "%" && is_limited(facts)) {
      const bool gripper = name.find("grip") != std::string::npos || name.find("finger") != std::string::npos;
      match.scale = (facts.upper - facts.lower) / (gripper ? 100 : 200);
      match.offset = gripper ? facts.lower : (facts.lower + facts.upper) / 2;
    }
    matches_.push_back(match);
  }
  fits_ = matches_.size() >= 2 && turning_matched * 2 >= turning;
}

std::vector<double> JointColumns::positions(std::span<const double> values) const {
  auto out = rest_;
  for (const auto& match : matches_) {
    if (match.column >= values.size() || !std::isfinite(values[match.column])) continue;
    out[match.joint] = values[match.column] * match.scale + match.offset;
  }
  return out;
}

}  // namespace deer
