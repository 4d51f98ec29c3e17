// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/sim/chain_runner.h"
#include "core/sim/expert.h"
#include "core/sim/expert_labels.h"
#include "tests/support/suite.h"

using namespace deer;

namespace {

PlayTable table_without_cameras() { return PlayTable({.vary_appearance = false, .shadows = false, .cameras = false}); }

struct Recording {
  std::vector<float> robot, scene;
  std::vector<std::array<double, 7>> actions;  // the expert's, who knows the true state
};

Recording record(PlayTable& table, const Task& task, int steps) {
  Recording out;
  const Expert expert(task, table.state());
  for (int step = 0; step < steps; ++step) {
    for (const double value : table.robot_obs()) out.robot.push_back(static_cast<float>(value));
    for (const double value : table.scene_obs()) out.scene.push_back(static_cast<float>(value));
    out.actions.push_back(expert.act(table.state()));
    table.step(out.actions.back());
  }
  return out;
}

}  // namespace

class TestExpertLabels : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void the_recorded_state_tells_what_the_expert_needs();
  void a_held_block_is_seen_as_held();
  void labels_are_for_a_task_that_is_possible();
  void labels_depend_on_the_seed_alone();
  void a_block_that_fell_off_the_table_is_no_task();
  void tasks_about_blocks_can_always_be_labelled();
  void refuses_states_that_do_not_match();
};

void TestExpertLabels::the_recorded_state_tells_what_the_expert_needs() {
  auto table = table_without_cameras();
  int steps = 0;
  int same = 0;
  for (const Task& task : tasks_of(TaskSuite::calvin)) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      lay_table_for(table, task, 100 * seed);
      const auto run = record(table, task, 40);
      const std::vector<const Task*> only = {&task};
      const auto labels = label_with_another_task(run.robot, run.scene, {}, only, 1);
      QVERIFY2(labels, qPrintable(QString::fromStdString("not seen as possible: " + task.name)));
      QCOMPARE(labels->task, &task);
      for (std::size_t step = 0; step < run.actions.size(); ++step, ++steps) {
        double off = 0;
        for (std::size_t i = 0; i < 7; ++i) {
          off = std::max(off, std::abs(labels->actions[7 * step + i] - std::clamp(run.actions[step][i], -1.0, 1.0)));
        }
        if (off < 1e-3) ++same;
      }
    }
  }
  // Where a touch begins or ends, the guess of it may be a step or two off.
  const double share = static_cast<double>(same) / steps;
  QVERIFY2(share > 0.97, qPrintable(QString::number(share)));
}

void TestExpertLabels::a_held_block_is_seen_as_held() {
  auto table = table_without_cameras();
  const Task& task = task_named("lift_red_block_table");
  lay_table_for(table, task, 5);
  const TableState start = table.state();
  const Expert expert(task, start);
  int step = 0;
  while (!succeeded(task, start, table.state()) && step++ < 240) table.step(expert.act(table.state()));
  QVERIFY(step < 240);
  const auto seen = observed_state(table.robot_obs(), table.scene_obs());
  QVERIFY(seen.touches_both_fingers[0] && !seen.touches_table[0] && !seen.touches_drawer[0]);
  QVERIFY(!seen.touches_both_fingers[1] && !seen.touches_finger[1] && seen.touches_table[1]);
  QVERIFY(!possible(task_named("open_drawer"), seen));
  QCOMPARE(possible(task_named("stack_block"), seen), possible(task_named("stack_block"), table.state()));
}

void TestExpertLabels::labels_are_for_a_task_that_is_possible() {
  auto table = table_without_cameras();
  std::vector<const Task*> all;
  for (const Task& task : tasks_of(TaskSuite::calvin)) all.push_back(&task);
  std::set<const Task*> seen;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    table.reset(seed);
    const auto run = record(table, task_named("turn_on_led"), 3);
    table.reset(seed);
    const auto labels = label_with_another_task(run.robot, run.scene, {}, all, seed);
    QVERIFY(labels);
    QVERIFY(possible(*labels->task, table.state()));
    QVERIFY(std::ranges::count(labels->task->instructions, labels->instruction) == 1);
    QCOMPARE(labels->actions.size(), std::size_t{21});
    seen.insert(labels->task);
  }
  QVERIFY(seen.size() > 8);
  // With the drawer shut it can only be opened.
  table.reset({.drawer_open = false}, 3);
  const auto run = record(table, task_named("turn_on_led"), 1);
  const std::vector<const Task*> closing = {&task_named("close_drawer")};
  QVERIFY(!label_with_another_task(run.robot, run.scene, {}, closing, 1));
}

void TestExpertLabels::labels_depend_on_the_seed_alone() {
  auto table = table_without_cameras();
  table.reset(1);
  const auto run = record(table, task_named("turn_on_led"), 5);
  std::vector<const Task*> all;
  for (const Task& task : tasks_of(TaskSuite::calvin)) all.push_back(&task);
  const auto a = label_with_another_task(run.robot, run.scene, {}, all, 7);
  const auto b = label_with_another_task(run.robot, run.scene, {}, all, 7);
  QCOMPARE(a->task, b->task);
  QCOMPARE(a->instruction, b->instruction);
  QCOMPARE(a->actions, b->actions);
}

void TestExpertLabels::a_block_that_fell_off_the_table_is_no_task() {
  auto table = table_without_cameras();
  std::vector<const Task*> all;
  for (const Task& task : tasks_of(TaskSuite::referring)) all.push_back(&task);
  int labelled = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    lay_table_for(table, *all[static_cast<std::size_t>(7 * seed) % all.size()], seed);
    const auto run = record(table, task_named("turn_on_led"), 1);
    const auto blocks = table.scene_blocks();
    for (std::size_t fallen = 0; fallen < blocks.size(); ++fallen) {
      std::vector<float> numbers;
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        auto block = blocks[i];
        if (i == fallen) block.position[2] = -300;
        for (const double number : to_numbers(block)) numbers.push_back(static_cast<float>(number));
      }
      const auto labels = label_with_another_task(run.robot, run.scene, numbers, all, 40 * seed + fallen);
      if (!labels || !labels->meant_block) continue;
      ++labelled;
      QVERIFY2(std::abs((*labels->meant_block)[2]) < 1, labels->instruction.c_str());
    }
  }
  QVERIFY(labelled > 30);
}

void TestExpertLabels::tasks_about_blocks_can_always_be_labelled() {
  auto table = table_without_cameras();
  std::vector<const Task*> all;
  for (const Task& task : all_tasks()) all.push_back(&task);
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    lay_table_for(table, *all[static_cast<std::size_t>(37 * seed) % all.size()], seed);
    const auto run = record(table, task_named("turn_on_led"), 1);
    std::vector<float> blocks;
    for (const auto& block : table.scene_blocks()) {
      for (const double number : to_numbers(block)) blocks.push_back(static_cast<float>(number));
    }
    const auto names = tasks_about_blocks(run.robot, run.scene, blocks, all);
    QVERIFY(std::ranges::is_sorted(names));
    for (const auto& name : names) {
      const auto labels = label_with_another_task(run.robot, run.scene, blocks, tasks_named(name), seed);
      QVERIFY2(labels && labels->meant_block, name.c_str());
      QCOMPARE(labels->task->name, name);
    }
    seen.insert(names.begin(), names.end());
  }
  QVERIFY(seen.contains("lift_red_block_table") && seen.contains("odd_lift") && seen.contains("if_push"));
  QVERIFY(!seen.contains("open_drawer"));
}

void TestExpertLabels::refuses_states_that_do_not_match() {
  const std::vector<float> robot(30), scene(24);
  QVERIFY_THROWS_EXCEPTION(Error, label_with_another_task(robot, scene, {}, {}, 0));
}

DEER_SUITE(TestExpertLabels)
#include "tst_expert_labels.moc"
