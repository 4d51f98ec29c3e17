// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/chain_runner.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/base/error.h"
#include "core/sim/expert.h"
#include "core/sim/random.h"

namespace deer {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class ExpertActor final : public TableActor {
 public:
  void begin(const Task& task, const std::string&, const TableState& start) override { expert_.emplace(task, start); }
  std::array<double, 7> act(PlayTable& table, SubtaskResult&) override { return expert_->act(table.state()); }

 private:
  std::optional<Expert> expert_;
};

// The block is on the table at the start, so the initial state shows whether there is room for the task.
bool needs_room(const Task& task) { return task.block && task.kind != Task::Kind::lift_drawer; }

SubtaskResult run_subtask(PlayTable& table, const Task& task, const std::string& instruction, TableActor& actor,
                          int max_steps, const std::stop_token& stop) {
  SubtaskResult out;
  out.task = task.name;
  out.instruction = instruction;
  const TableState start = table.state();
  const auto begun = Clock::now();
  actor.begin(task, instruction, start);
  while (out.steps < max_steps && !out.success) {
    if (stop.stop_requested()) throw Cancelled();
    table.step(actor.act(table, out));
    ++out.steps;
    out.success = succeeded(task, start, table.state());
  }
  // Time not spent by the actor: simulation and rendering.
  out.world_ms = milliseconds_since(begun) - out.model_ms;
  return out;
}

// Tasks to do on a fresh table with an open drawer before `task` can start.
std::vector<const Task*> preparations(const Task& task, Random& random) {
  constexpr std::array kColours = {"red", "blue", "pink"};
  const auto block = task.block ? static_cast<std::size_t>(*task.block) : random.index(kColours.size());
  const auto& lift = task_named(std::string("lift_") + kColours[block] + "_block_table");
  using enum Task::Kind;
  switch (task.kind) {
    case place_in_drawer:
    case stack_block:
      return {&lift};
    case unstack_block:
      return {&lift, &task_named("stack_block")};
    case lift_drawer:
      return {&lift, &task_named("place_in_drawer")};
    default:
      return {};
  }
}

bool solve(PlayTable& table, const Task& task) {
  constexpr int kMaxSteps = 240;
  const TableState start = table.state();
  const Expert expert(task, start);
  for (int i = 0; i < kMaxSteps; ++i) {
    table.step(expert.act(table.state()));
    if (succeeded(task, start, table.state())) return true;
  }
  return false;
}

}  // namespace

std::unique_ptr<TableActor> make_expert_actor() { return std::make_unique<ExpertActor>(); }

void lay_table(PlayTable& table, const Chain& chain) {
  constexpr std::uint64_t kTries = 200;
  for (std::uint64_t i = 0; i < kTries; ++i) {
    table.reset(chain.initial, derived_seed(chain.seed, i));
    const bool fits = std::ranges::all_of(
        chain.tasks, [&](const Task* task) { return !needs_room(*task) || possible(*task, table.state()); });
    if (fits) return;
  }
}

void lay_table_for(PlayTable& table, const Task& task, std::uint64_t seed) {
  constexpr std::uint64_t kTries = 50;
  for (std::uint64_t i = 0; i < kTries; ++i) {
    const auto table_seed = derived_seed(seed, i);
    Random random(table_seed, Random::Stream::choice);
    const auto before = preparations(task, random);
    const InitialTable initial = {random.chance(0.5), !before.empty() || random.chance(0.5), random.chance(0.5),
                                  random.chance(0.5)};
    table.reset(initial, table_seed);
    const bool prepared = std::ranges::all_of(before, [&](const Task* step) { return solve(table, *step); });
    if (prepared && possible(task, table.state())) return;
  }
  throw Error("no table found on which '" + task.name + "' can start");
}

ChainResult run_chain(PlayTable& table, const Chain& chain, TableActor& actor, int max_steps,
                      const std::stop_token& stop) {
  lay_table(table, chain);
  ChainResult out;
  out.index = chain.index;
  for (std::size_t i = 0; i < chain.tasks.size(); ++i) {
    out.subtasks.push_back(run_subtask(table, *chain.tasks[i], chain.instructions[i], actor, max_steps, stop));
    if (!out.subtasks.back().success) break;
  }
  return out;
}

}  // namespace deer
