// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/expert_labels.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numbers>
#include <set>
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

// From the TCP to the block and the hand's turn, see ExpertLabels::meant_block.
std::array<double, 4> place_of(const TableState& start, std::size_t block) {
  const auto& from = start.world_from_tcp.position;
  const auto& to = start.blocks[block].position;
  const double turn =
      std::remainder(grasp_yaw(start.blocks[block]) - euler_xyz(start.world_from_tcp)[2], std::numbers::pi / 2);
  return {to[0] - from[0], to[1] - from[1], to[2] - from[2], turn};
}

// Could start, and its block, if it has one, did not fall off the table.
bool can_be_labelled(const Task& task, const TableState& start) {
  if (!task.in(Part::training) || !possible(task, start)) return false;
  const auto block = meant_block(task, start);
  return !block || std::ranges::none_of(place_of(start, *block), [](double along) { return std::abs(along) > kReach; });
}

class RecordedStates {
 public:
  RecordedStates(std::span<const float> robot_obs, std::span<const float> scene_obs, std::span<const float> blocks)
      : steps_(robot_obs.size() / kRobot), robot_(robot_obs), scene_(scene_obs), blocks_(blocks) {
    if (steps_ == 0 || robot_.size() != steps_ * kRobot || scene_.size() != steps_ * kScene) {
      throw Error("expert labels need robot_obs and scene_obs of the same steps");
    }
    block_numbers_ = blocks_.size() / steps_;
    if (blocks_.size() % steps_ != 0 || block_numbers_ % SceneBlock::kNumbers != 0) {
      throw Error("expert labels need blocks of the same steps");
    }
  }

  std::size_t steps() const { return steps_; }
  TableState operator[](std::size_t step) const {
    return observed_state(row<kRobot>(robot_, step), row<kScene>(scene_, step),
                          scene_blocks(blocks_.subspan(step * block_numbers_, block_numbers_)));
  }

 private:
  static constexpr std::size_t kRobot = std::tuple_size_v<RobotObs>;
  static constexpr std::size_t kScene = std::tuple_size_v<SceneObs>;
  std::size_t steps_;
  std::size_t block_numbers_ = 0;
  std::span<const float> robot_, scene_, blocks_;
};

}  // namespace

std::vector<std::string> tasks_about_blocks(std::span<const float> robot_obs, std::span<const float> scene_obs,
                                            std::span<const float> blocks, std::span<const Task* const> tasks) {
  const TableState start = RecordedStates(robot_obs, scene_obs, blocks)[0];
  std::set<std::string> out;
  for (const Task* task : tasks) {
    if (!out.contains(task->name) && can_be_labelled(*task, start) && meant_block(*task, start)) out.insert(task->name);
  }
  return {out.begin(), out.end()};
}

std::optional<ExpertLabels> label_with_another_task(std::span<const float> robot_obs, std::span<const float> scene_obs,
                                                    std::span<const float> blocks, std::span<const Task* const> tasks,
                                                    std::uint64_t seed) {
  const RecordedStates states(robot_obs, scene_obs, blocks);
  const TableState start = states[0];
  // By suite and difficulty, then by name, which many variants may share: rare ones would hardly come otherwise.
  std::map<std::pair<TaskSuite, Difficulty>, std::map<std::string_view, std::vector<const Task*>>> open;
  for (const Task* task : tasks) {
    if (can_be_labelled(*task, start)) open[{task->suite, task->difficulty}][task->name].push_back(task);
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
  if (const auto block = meant_block(*out.task, start)) out.meant_block = place_of(start, *block);
  const Expert expert(*out.task, start);
  for (std::size_t step = 0; step < states.steps(); ++step) {
    for (const double value : expert.act(states[step])) {
      out.actions.push_back(static_cast<float>(std::clamp(value, -1.0, 1.0)));
    }
  }
  return out;
}

}  // namespace deer
