// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/robot_model.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer([&] {
    const auto robot = deer::RobotModel::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
    const std::vector<double> positions(robot.joints().size(), 0.1);
    if (robot.base_from_links(positions).size() != robot.links().size()) std::abort();
  });
}
