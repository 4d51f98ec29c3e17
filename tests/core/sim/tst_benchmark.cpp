// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <random>

#include "core/sim/benchmark.h"
#include "core/sim/chain_runner.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

SubtaskResult subtask(const char* task, bool success, std::int64_t steps, std::int64_t depth) {
  SubtaskResult out;
  out.task = task;
  out.instruction = "do it";
  out.success = success;
  out.steps = out.calls = steps;
  out.depth = depth;
  out.llm_gflops = static_cast<double>(depth) * 0.5;
  out.total_gflops = out.llm_gflops + static_cast<double>(steps);
  out.exits = {steps, 0};
  return out;
}

// Lengths 2, 0, 5, 1.
std::vector<ChainResult> four_chains() {
  return {
      {0, {subtask("a", true, 10, 20), subtask("b", true, 30, 60), subtask("a", false, 360, 720)}},
      {1, {subtask("b", false, 360, 1440)}},
      {2,
       {subtask("a", true, 20, 40), subtask("a", true, 20, 40), subtask("a", true, 20, 40), subtask("b", true, 20, 40),
        subtask("a", true, 20, 40)}},
      {3, {subtask("b", true, 40, 80), subtask("b", false, 360, 360)}},
  };
}

bool close(double found, double expected, double tolerance = 1e-12) { return std::abs(found - expected) <= tolerance; }

Chain chain_of(std::initializer_list<const char*> tasks, InitialTable initial = {}) {
  Chain out;
  out.index = 3;
  out.seed = 5;
  out.initial = initial;
  for (const char* name : tasks) {
    out.tasks.push_back(&task_named(name));
    out.instructions.push_back(out.tasks.back()->instructions.front());
  }
  return out;
}

PlayTable blind_table() {
  PlayTableOptions options;
  options.cameras = false;
  return PlayTable(options);
}

// Does nothing, and counts.
class Idler final : public TableActor {
 public:
  void begin(const Task&, const std::string& instruction, const TableState&) override { told.push_back(instruction); }
  std::array<double, 7> act(PlayTable&, SubtaskResult& account) override {
    ++account.calls;
    account.depth += 4;
    return {0, 0, 0, 0, 0, 0, 1};
  }
  std::vector<std::string> told;
};

}  // namespace

class TestBenchmark : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void figures_by_hand() {
    const auto s = benchmark_statistics(four_chains());
    QCOMPARE(s.chains, 4);
    QCOMPARE(s.average_length.value, 2.0);
    const std::vector<double> expected = {0.75, 0.5, 0.25, 0.25, 0.25};
    QCOMPARE(s.success_rate.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) QCOMPARE(s.success_rate[i].value, expected[i]);
    QCOMPARE(s.steps, 1260);
    // 20 + 60 + 720 + 1440 + 5 * 40 + 80 + 360 layers.
    QVERIFY(close(s.mean_depth.value, 2880.0 / 1260));
    QVERIFY(close(s.mean_llm_gflops.value, 1440.0 / 1260));
    QVERIFY(close(s.mean_total_gflops.value, 1440.0 / 1260 + 1));
    // Solved tasks: 10 + 30 + 100 + 40 steps of two layers each.
    QVERIFY(close(s.mean_depth_solved, 2));
    QCOMPARE(s.exits, (std::vector<std::int64_t>{1260, 0}));
    QCOMPARE(s.per_task.size(), std::size_t{2});
    const auto& a = s.per_task.at("a");
    QCOMPARE(a.tries, 6);
    QCOMPARE(a.successes, 5);
    QVERIFY(close(a.mean_steps, 90.0 / 5));
    QVERIFY(close(a.mean_depth, 900.0 / 450));
    const auto& b = s.per_task.at("b");
    QCOMPARE(b.tries, 5);
    QCOMPARE(b.successes, 3);
    QVERIFY(close(b.mean_depth, (60.0 + 1440 + 40 + 80 + 360) / (30 + 360 + 20 + 40 + 360)));
  }

  void order_does_not_matter() {
    auto results = four_chains();
    const auto expected = to_json(benchmark_statistics(results)).dump();
    std::swap(results[0], results[3]);
    std::swap(results[1], results[2]);
    QCOMPARE(to_json(benchmark_statistics(results)).dump(), expected);
  }

  void wilson_against_known_values() {
    // Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    const auto is = [](std::int64_t successes, std::int64_t tries, double low, double high) {
      const auto found = wilson_interval(successes, tries);
      return close(found.low, low, 5e-5) && close(found.high, high, 5e-5);
    };
    QVERIFY(is(81, 263, 0.2553, 0.3662));
    QVERIFY(is(15, 148, 0.0624, 0.1605));
    QVERIFY(is(0, 20, 0.0, 0.1611));
    QVERIFY(is(1, 29, 0.0061, 0.1718));
    QVERIFY(is(20, 20, 1 - 0.1611, 1.0));
    QVERIFY(is(0, 0, 0, 1));
  }

  void bootstrap_covers_what_it_should() {
    const std::vector<double> ones(50, 1);
    const auto same = bootstrap_ratio(std::vector<double>(50, 3.0), ones);
    QCOMPARE(same.low, 3.0);
    QCOMPARE(same.high, 3.0);
    // Half zeros, half fives: the mean's standard deviation is 2.5 / 10.
    std::vector<double> mixed(100, 0.0);
    std::fill_n(mixed.begin(), 50, 5.0);
    const auto wide = bootstrap_ratio(mixed, std::vector<double>(100, 1.0));
    QVERIFY(close(wide.low, 2.5 - 1.96 * 0.25, 0.06));
    QVERIFY(close(wide.high, 2.5 + 1.96 * 0.25, 0.06));
    // A ratio of two sums that always go together does not vary.
    const auto tied = bootstrap_ratio(mixed, mixed);
    QCOMPARE(tied.low, 1.0);
    QCOMPARE(tied.high, 1.0);
    DEER_VERIFY_ERROR(bootstrap_ratio(mixed, ones), "same number of numerators");
  }

  void intervals_hold_their_promise() {
    // 100 times 60 draws of a known mean: about 95 of 100 intervals must contain it.
    std::mt19937 engine(1);
    std::uniform_int_distribution<int> die(0, 5);
    int contained = 0;
    for (int round = 0; round < 100; ++round) {
      std::vector<double> values(60);
      for (double& value : values) value = die(engine);
      const auto interval = bootstrap_ratio(values, std::vector<double>(60, 1.0));
      if (interval.low <= 2.5 && 2.5 <= interval.high) ++contained;
    }
    QVERIFY2(contained >= 88 && contained <= 99, qPrintable(QString::number(contained)));
  }

  void nothing_gives_nothing() {
    const auto s = benchmark_statistics({});
    QCOMPARE(s.chains, 0);
    QCOMPARE(s.average_length.value, 0.0);
    QCOMPARE(s.success_rate.size(), std::size_t{5});
    QCOMPARE(to_json(s)["mean_depth"].get<double>(), 0.0);
  }

  void results_go_through_json() {
    const auto results = four_chains();
    std::vector<ChainResult> copies;
    for (const auto& result : results) {
      copies.push_back(chain_result_from_json(JsonFields("log", Json::parse(to_json(result).dump()))));
    }
    QCOMPARE(to_json(benchmark_statistics(copies)).dump(), to_json(benchmark_statistics(results)).dump());
    const Json json = to_json(benchmark_statistics(results));
    for (const char* field : {"chains", "average_length", "success_rate", "mean_depth", "mean_llm_gflops",
                              "mean_total_gflops", "per_task"}) {
      QVERIFY2(json.contains(field), field);
    }
    QCOMPARE(json["success_rate"].size(), std::size_t{5});
    const auto bad = Json::parse(R"({"chain": 1, "subtasks": [{"task": "a"}]})");
    DEER_VERIFY_ERROR(chain_result_from_json(JsonFields("log", bad)), "subtasks.instruction");
  }

  void the_expert_solves_a_chain() {
    auto table = blind_table();
    const auto chain = chain_of({"open_drawer", "turn_on_led", "lift_blue_block_table", "place_in_drawer"});
    const auto actor = make_expert_actor();
    const auto result = run_chain(table, chain, *actor);
    QCOMPARE(result.index, 3);
    QCOMPARE(result.solved(), 4);
    for (const auto& subtask : result.subtasks) QVERIFY(subtask.success && subtask.steps < 360 && subtask.steps > 5);
    QVERIFY(table.state().touches_drawer[1]);
    // The same again, from another state of the table.
    const auto again = run_chain(table, chain, *actor);
    for (std::size_t i = 0; i < 4; ++i) QCOMPARE(again.subtasks[i].steps, result.subtasks[i].steps);
  }

  void a_failure_ends_the_chain() {
    auto table = blind_table();
    Idler idler;
    const auto result = run_chain(table, chain_of({"turn_on_led", "open_drawer"}), idler, 25);
    QCOMPARE(result.subtasks.size(), std::size_t{1});
    QVERIFY(!result.subtasks[0].success);
    QCOMPARE(result.subtasks[0].steps, 25);
    QCOMPARE(result.subtasks[0].depth, 100);
    QCOMPARE(idler.told.size(), std::size_t{1});
    std::stop_source stop;
    stop.request_stop();
    DEER_VERIFY_ERROR(run_chain(table, chain_of({"turn_on_led"}), idler, 25, stop.get_token()), "cancelled");
  }

  void blocks_have_room_where_they_need_it() {
    auto table = blind_table();
    auto chain = chain_of({"push_red_block_left", "rotate_blue_block_right", "lift_pink_block_table"});
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      chain.seed = seed;
      lay_table(table, chain);
      for (const Task* task : chain.tasks) QVERIFY(possible(*task, table.state()));
    }
  }
};

DEER_SUITE(TestBenchmark)
#include "tst_benchmark.moc"
