// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/expert_labels.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numbers>
#include <string_view>

#include "core/base/error.h"
#include "core/sim/expert.h"
#include "core/sim/random.h"

namespace deer {
namespace {

constexpr double kReach = 1;  // m along an axis; the table is smaller

template <std::size_t N>
std::array<double, N> row(std::span<const float> values, std::size_t step) {
  std::array<double, N> out;
  std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(step * N), N, out.begin());
  return out;
}

std::optional<std::size_t> meant_block(const Task& task, const TableState& start) {
  const auto blocks = blocks_of(task, start);
  if (!blocks) return std::nullopt;
  return task.kind == Task::Kind::stack_on ? blocks->second : blocks->first;
}

}  // namespace

std::optional<ExpertLabels> label_with_another_task(std::span<const float> robot_obs, std::span<const float> scene_obs,
                                                    std::span<const float> blocks, std::span<const Task* const> tasks,
                                                    std::uint64_t seed) {
  constexpr std::size_t kRobot = std::tuple_size_v<RobotObs>;
  constexpr std::size_t kScene = std::tuple_size_v<SceneObs>;
  const std::size_t steps = robot_obs.size() / kRobot;
  if (steps == 0 || robot_obs.size() != steps * kRobot || scene_obs.size() != steps * kScene) {
    throw Error("expert labels need robot_obs and scene_obs of the same steps");
  }
  const std::size_t block_numbers = blocks.size() / steps;
  if (blocks.size() % steps != 0 || block_numbers % SceneBlock::kNumbers != 0) {
    throw Error("expert labels need blocks of the same steps");
  }
  const auto state = [&](std::size_t step) {
    return observed_state(row<kRobot>(robot_obs, step), row<kScene>(scene_obs, step),
                          scene_blocks(blocks.subspan(step * block_numbers, block_numbers)));
  };
  const TableState start = state(0);
  // By suite and difficulty, then by name, which many variants may share: rare ones would hardly come otherwise.
  std::map<std::pair<TaskSuite, Difficulty>, std::map<std::string_view, std::vector<const Task*>>> open;
  for (const Task* task : tasks) {
    if (!task->in(Part::training) || !possible(*task, start)) continue;
    open[{task->suite, task->difficulty}][task->name].push_back(task);
  }
  if (open.empty()) return std::nullopt;

  Random random(seed, Random::Stream::choice);
  ExpertLabels out;
  const auto one_of = [&random](const auto& map) -> const auto& {
    return std::next(map.begin(), static_cast<std::ptrdiff_t>(random.index(map.size())))->second;
  };
  const auto& variants = one_of(one_of(open));
  out.task = variants[random.index(variants.size())];
  const auto phrasings = out.task->phrasings(Part::training);
  out.instruction = phrasings[random.index(phrasings.size())];
  if (const auto block = meant_block(*out.task, start)) {
    const auto& from = start.world_from_tcp.position;
    const auto& to = start.blocks[*block].position;
    const double turn =
        std::remainder(grasp_yaw(start.blocks[*block]) - euler_xyz(start.world_from_tcp)[2], std::numbers::pi / 2);
    out.meant_block = {to[0] - from[0], to[1] - from[1], to[2] - from[2], turn};
    // It fell off the table.
    if (std::ranges::any_of(*out.meant_block, [](double along) { return std::abs(along) > kReach; })) {
      return std::nullopt;
    }
  }
  const Expert expert(*out.task, start);
  for (std::size_t step = 0; step < steps; ++step) {
    for (const double value : expert.act(state(step))) {
      out.actions.push_back(static_cast<float>(std::clamp(value, -1.0, 1.0)));
    }
  }
  return out;
}

}  // namespace deer
