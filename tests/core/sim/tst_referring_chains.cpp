// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "core/base/error.h"
#include "core/sim/chain_runner.h"
#include "core/sim/expert.h"
#include "core/sim/expert_labels.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

PlayTable blind_table() { return PlayTable({.vary_appearance = false, .shadows = false, .cameras = false}); }

std::string text_of(const ChainResult& result) {
  std::string out;
  for (const auto& s : result.subtasks) {
    out += s.task + ": " + s.instruction + " " + std::to_string(s.steps) + (s.success ? "\n" : " failed\n");
  }
  return out;
}

std::vector<const Task*> pool(TaskSuite suite) {
  std::vector<const Task*> out;
  for (const Task& task : tasks_of(suite)) out.push_back(&task);
  return out;
}

}  // namespace

class TestReferringChains : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void the_recorded_blocks_tell_what_the_expert_needs() {
    auto table = blind_table();
    int same = 0;
    int steps = 0;
    for (const char* name : {"odd_lift", "size_place", "between_push", "side_stack", "other_place_lift"}) {
      const auto variants = tasks_named(name);
      const Task& task = **std::ranges::find(variants, false, &Task::test_only);
      lay_table_for(table, task, 17, Part::training);
      const Expert expert(task, table.state());
      std::vector<float> robot, scene, blocks;
      std::vector<std::array<double, 7>> actions;
      for (int step = 0; step < 40; ++step) {
        for (const double value : table.robot_obs()) robot.push_back(static_cast<float>(value));
        for (const double value : table.scene_obs()) scene.push_back(static_cast<float>(value));
        const auto seen = table.scene_blocks();
        for (std::size_t k = 0; k < 8; ++k) {
          for (std::size_t n = 0; n < SceneBlock::kNumbers; ++n) {
            blocks.push_back(k < seen.size() ? static_cast<float>(to_numbers(seen[k])[n])
                                             : std::numeric_limits<float>::quiet_NaN());
          }
        }
        actions.push_back(expert.act(table.state()));
        table.step(actions.back());
      }
      const std::vector<const Task*> only = {&task};
      const auto labels = label_with_another_task(robot, scene, blocks, only, 1);
      QVERIFY2(labels, name);
      QVERIFY(!task.is_test_phrasing(labels->instruction));
      for (std::size_t step = 0; step < actions.size(); ++step, ++steps) {
        double off = 0;
        for (std::size_t i = 0; i < 7; ++i) {
          off = std::max(off, std::abs(labels->actions[7 * step + i] - std::clamp(actions[step][i], -1.0, 1.0)));
        }
        same += off < 1e-3 ? 1 : 0;
      }
      DEER_VERIFY_ERROR(label_with_another_task(robot, scene, std::span(blocks).first(40 * 7), only, 1), "blocks");
      blocks[7] = 9;
      DEER_VERIFY_ERROR(label_with_another_task(robot, scene, blocks, only, 1), "colour is 9");
    }
    QVERIFY2(same > 0.97 * steps, qPrintable(QString("%1 of %2").arg(same).arg(steps)));
  }

  void hard_tasks_are_labelled_as_often_as_easy_ones() {
    auto table = blind_table();
    const auto variants = tasks_named("odd_lift");
    lay_table_for(table, **std::ranges::find(variants, false, &Task::test_only), 17, Part::training);
    const auto as_floats = [](const auto& numbers) { return std::vector<float>(numbers.begin(), numbers.end()); };
    const auto robot = as_floats(table.robot_obs()), scene = as_floats(table.scene_obs());
    std::vector<float> blocks;
    for (const auto& block : table.scene_blocks()) {
      for (const double value : to_numbers(block)) blocks.push_back(static_cast<float>(value));
    }
    std::vector<const Task*> all;
    for (const Task& task : all_tasks()) all.push_back(&task);
    constexpr int kDraws = 1400;
    std::map<std::pair<TaskSuite, Difficulty>, int> drawn;
    for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
      const auto labels = label_with_another_task(robot, scene, blocks, all, seed);
      if (labels) ++drawn[{labels->task->suite, labels->task->difficulty}];
    }
    QVERIFY2(drawn.size() >= 5, qPrintable(QString::number(drawn.size())));
    const double mean = kDraws / static_cast<double>(drawn.size());
    for (const auto& [kind, count] : drawn) {
      QVERIFY2(std::abs(count - mean) < 0.25 * mean, qPrintable(QString("%1 of %2").arg(count).arg(mean)));
    }
  }

  void candidates_follow_the_rules() {
    ChainOptions options;
    options.tasks = pool(TaskSuite::referring);
    const auto chain = draw_chains(3, 8, options).back();
    QVERIFY(chain.tasks.empty() && chain.pool.size() == options.tasks.size());
    const auto first = candidates(chain, 0, {}, true);
    QCOMPARE(first.size(), options.tasks.size());
    const auto again = candidates(draw_chains(9, 8, options)[2], 0, {}, true);
    for (std::size_t i = 0; i < first.size(); ++i) {
      QVERIFY(first[i].task == again[i].task && first[i].instruction == again[i].instruction);
    }
    // The difficulties of before come last, their names not at all.
    const std::vector<const Task*> earlier = {&task_named("odd_push"), &task_named("second_place")};
    const auto later = candidates(chain, 2, earlier, true);
    const auto used = [](const ChainStep& step) {
      return step.task->difficulty == Difficulty::compare || step.task->difficulty == Difficulty::order;
    };
    QVERIFY(std::ranges::is_partitioned(later, [&](const ChainStep& step) { return !used(step); }));
    for (const auto& step : later) QVERIFY(step.task->name != "odd_push" && step.task->name != "second_place");
    // A block must not be left in the hand for good.
    for (const auto& step : candidates(chain, 2, earlier, false)) QVERIFY(!step.task->leaves_block_in_hand());
    const auto last = candidates(chain, 4, earlier, false);
    QVERIFY(std::ranges::any_of(last, [](const ChainStep& step) { return step.task->leaves_block_in_hand(); }));
    options.part = Part::training;
    for (const auto& step : candidates(draw_chains(1, 8, options)[0], 0, {}, true)) {
      QVERIFY(!step.task->test_only && !step.task->is_test_phrasing(step.instruction));
    }
    options.part = Part::test;
    for (const auto& step : candidates(draw_chains(1, 8, options)[0], 0, {}, true)) {
      QVERIFY(step.task->is_test_phrasing(step.instruction));
    }
  }

  void suites_alternate() {
    ChainOptions options;
    options.tasks = pool(TaskSuite::referring);
    const auto alone = draw_chains(6, 2);
    for (const Task* task : pool(TaskSuite::calvin)) options.tasks.push_back(task);
    const auto both = draw_chains(6, 2, options);
    for (std::size_t i = 0; i < both.size(); ++i) {
      QCOMPARE(both[i].pool.empty(), i % 2 == 0);
      if (i % 2 == 0) QVERIFY(both[i].tasks == alone[i].tasks && both[i].instructions == alone[i].instructions);
    }
  }

  void experts_solve_chains() {
    ChainOptions options;
    options.tasks = pool(TaskSuite::referring);
    auto table = blind_table();
    const auto expert = make_expert_actor();
    std::vector<ChainResult> results;
    int solved = 0;
    for (const auto& chain : draw_chains(8, 21, options)) {
      const auto result = run_chain(table, chain, *expert);
      solved += result.solved();
      std::set<std::string> names;
      for (std::size_t i = 0; i < result.subtasks.size(); ++i) {
        const auto& s = result.subtasks[i];
        const Task* task = task_of_instruction(s.instruction);
        QVERIFY(task != nullptr && task->name == s.task && s.difficulty == to_string(task->difficulty));
        QCOMPARE(s.test_combination, task->test_only);
        QCOMPARE(s.test_phrasing, task->is_test_phrasing(s.instruction));
        QVERIFY2(names.insert(s.task).second, text_of(result).c_str());
        const bool held = i > 0 && task_of_instruction(result.subtasks[i - 1].instruction)->leaves_block_in_hand();
        QCOMPARE(task->needs_block_in_hand(), held);
      }
      results.push_back(result);
    }
    QVERIFY2(solved >= 36, qPrintable(QString::number(solved)));
    const auto again = run_chain(table, draw_chains(3, 21, options)[2], *expert);
    QCOMPARE(text_of(again), text_of(results[2]));

    const auto statistics = benchmark_statistics(results);
    QVERIFY(statistics.per_difficulty.size() >= 5);
    std::int64_t tries = 0;
    for (const auto& [difficulty, group] : statistics.per_difficulty) tries += group.tries;
    QCOMPARE(tries, static_cast<std::int64_t>(std::accumulate(
                        results.begin(), results.end(), std::size_t{0},
                        [](std::size_t sum, const ChainResult& result) { return sum + result.subtasks.size(); })));
    const auto json = to_json(statistics);
    QVERIFY(json.at("per_difficulty").contains("compare") && json.at("per_unseen").contains("nothing"));
    const auto copy = chain_result_from_json(JsonFields("chain", Json::parse(to_json(results[0]).dump())));
    QCOMPARE(to_json(copy).dump(), to_json(results[0]).dump());
    const auto csv = to_csv(results);
    QCOMPARE(std::ranges::count(csv, '\n'), tries + 1);
    QVERIFY(csv.starts_with("chain,position,task,difficulty,unseen,instruction,success,"));
  }

  void a_short_pool_gets_new_tables() {
    ChainOptions options;
    options.tasks = tasks_named("odd_lift");  // leaves a block in the hand: it cannot follow itself
    auto table = blind_table();
    const auto expert = make_expert_actor();
    const auto result = run_chain(table, draw_chains(1, 4, options).front(), *expert);
    QCOMPARE(result.solved(), 5);
    options.tasks = tasks_named("odd_stack");
    options.length = 2;
    QVERIFY(run_chain(table, draw_chains(1, 5, options).front(), *expert).solved() >= 1);
  }
};

DEER_SUITE(TestReferringChains)
#include "tst_referring_chains.moc"
