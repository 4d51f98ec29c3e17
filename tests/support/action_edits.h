// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <vector>

#include "core/exits/frame_record.h"

namespace deer::test {

/// `action` with one number changed; filled with zeros up to DeeR's seven if it is shorter.
inline ActionValues with_number(const ActionValues& action, std::size_t place, float value) {
  std::vector<float> values(action.begin(), action.end());
  values.resize(std::max<std::size_t>(values.size(), 7), 0);
  values.at(place) = value;
  return ActionValues(values);
}

/// DeeR's action with the same number in all six arm values.
inline ActionValues filled_action(float arm, float gripper) {
  std::array<float, 6> values{};
  values.fill(arm);
  return deer_action(values, gripper);
}

inline std::array<float, 6> arm_of(const ActionValues& action) {
  std::array<float, 6> out{};
  std::copy_n(action.data(), out.size(), out.begin());
  return out;
}

}  // namespace deer::test
