// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <ctime>
#include <limits>
#include <numeric>

#include "core/budget/budget_solver.h"
#include "core/budget/family_search.h"
#include "core/budget/thresholds_file.h"
#include "core/exits/engine.h"
#include "core/model/weights/tensor_archive.h"
#include "tests/core/budget/make_set.h"
#include "tests/support/comma_locale.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr ExitDistribution kFamilies[] = {ExitDistribution::exponential, ExitDistribution::gaussian,
                                          ExitDistribution::gamma};

CalibrationValues view(const std::vector<float>& flat, const CalibrationSet& set) {
  return {flat, set.exits(), set.samples()};
}

const ConstraintState& state_of(const BudgetSolution& solution, Constraint constraint) {
  for (const auto& state : solution.constraints) {
    if (state.constraint == constraint) return state;
  }
  throw std::runtime_error("no such constraint");
}

}  // namespace

class TestBudgetSolver : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // ---- sorted once
  void prepared_equals_the_reference_rule() {
    for (unsigned round = 0; round < 200; ++round) {
      auto set = made_set(1 + static_cast<int>(round % 8), 1 + static_cast<int>(round * 7 % 90), round,
                          round % 3 == 0 ? 40 : 0);
      if (round % 5 == 0) set.values[0][0] = kNan;
      const auto flat = set.flat();
      const PreparedCalibration prepared(set);
      for (const auto family : kFamilies) {
        const auto shares =
            target_shares(family, 0.4 + 0.2 * (round % 9), set.exits(), round % 2 == 0 && set.exits() > 1);
        const auto expected = solve_thresholds(view(flat, set), shares);
        const auto found = prepared.solve(shares);
        QCOMPARE(found.thresholds, expected);
        QCOMPARE(found.counts, exit_counts(view(flat, set), expected));
        const auto evaluated = prepared.evaluate(expected);
        QCOMPARE(evaluated.counts, found.counts);
        QVERIFY(std::abs(evaluated.mean_error - found.mean_error) < 1e-9);
      }
    }
  }

  void prepared_equals_the_golden_cases() {
    const std::filesystem::path folder = DEER_TEST_DATA "/reference/thresholds";
    const Json cases = read_json(folder / "cases.json");
    const auto tensors = TensorArchive::open(folder / "cases.safetensors");
    QVERIFY(cases.size() > 40);
    for (const Json& item : cases) {
      const auto prefix = "case" + std::to_string(item.at("index").get<int>()) + ".";
      const auto values = tensors->read(prefix + "values").to(at::kFloat).contiguous();
      const auto golden = tensors->read(prefix + "thresholds").to(at::kFloat).contiguous();
      CalibrationSet set;
      for (std::int64_t exit = 0; exit < values.size(0); ++exit) {
        const float* row = values.data_ptr<float>() + exit * values.size(1);
        set.values.emplace_back(row, row + values.size(1));
      }
      const auto layers = item.at("exit_layers").get<std::vector<int>>();
      const auto allowed = exits_within(layers, item.at("max_layer").get<int>());
      const bool skip = item.at("model_name").get<std::string>().find("mpt_9b") != std::string::npos;
      const auto shares =
          target_shares(parse_exit_distribution(item.at("exit_dist").get<std::string>()),
                        item.at("exit_ratio").get<double>(), static_cast<std::int64_t>(allowed.size()), skip);
      const auto found = PreparedCalibration(set).solve(shares).thresholds;
      const std::vector<float> expected(golden.data_ptr<float>(), golden.data_ptr<float>() + golden.numel());
      QVERIFY2(found == expected, item.at("name").get<std::string>().c_str());
    }
  }

  void broken_sets_are_refused() {
    DEER_VERIFY_ERROR(PreparedCalibration(CalibrationSet{}), "no samples");
    auto set = made_set(3, 10, 1);
    set.values[1].pop_back();
    DEER_VERIFY_ERROR(PreparedCalibration(set), "different length");
    set = made_set(3, 10, 1);
    set.errors.pop_back();
    DEER_VERIFY_ERROR(PreparedCalibration(set), "3 exits, but errors for 2");
    const PreparedCalibration good(made_set(3, 10, 1));
    DEER_VERIFY_ERROR(good.evaluate(std::vector<float>(4, 0.0F)), "expected 4");
    DEER_VERIFY_ERROR(good.evaluate(std::vector<float>{}), "expected 0");
  }

  void subsamples_are_samples() {
    const PreparedCalibration whole(made_set(4, 500, 3));
    const auto part = whole.subsample(50, 7);
    QCOMPARE(part.samples(), 50);
    QVERIFY(part.is_subsample());
    QVERIFY(!whole.subsample(500).is_subsample());
    QCOMPARE(part.set().values, whole.subsample(50, 7).set().values);
    QVERIFY(part.set().values != whole.subsample(50, 8).set().values);
    std::size_t next = 0;  // in order, columns together
    for (std::size_t i = 0; i < 50; ++i) {
      while (next < 500 && whole.set().values[2][next] != part.set().values[2][i]) ++next;
      QVERIFY(next < 500);
      QCOMPARE(whole.set().errors[1][next], part.set().errors[1][i]);
    }
  }

  // ---- families
  void average_is_met_from_below() {
    const PreparedCalibration set(made_set(6, 2000, 5));
    const auto costs = costs_of(6);
    for (const auto method : {ThresholdMethod::exponential, ThresholdMethod::gaussian, ThresholdMethod::gamma}) {
      double before = 0;
      for (const double average : {4.0, 5.0, 6.5, 8.0, 9.5}) {
        BudgetRequest request;
        request.method = method;
        request.average_depth = average;
        const auto solution = solve_budget(set, costs, request);
        QVERIFY2(solution.feasible, solution.problem.c_str());
        QVERIFY(solution.depth.mean <= average + 1e-9);
        QVERIFY2(solution.depth.mean > average - 0.05, qPrintable(QString::number(solution.depth.mean)));
        QVERIFY(solution.depth.mean > before);
        before = solution.depth.mean;
        QCOMPARE(solution.depth.peak, 12.0);
        QVERIFY(state_of(solution, Constraint::average_depth).binds);
        double mean = 0;
        for (std::size_t i = 0; i < 6; ++i) {
          mean += static_cast<double>(solution.counts[i]) * (2.0 * static_cast<double>(i) + 2) / 2000;
        }
        QVERIFY(std::abs(mean - solution.depth.mean) < 1e-9);
        QVERIFY(std::abs(solution.llm_gflops.mean - 1.3 * solution.depth.mean) < 1e-9);
        // The member of the family that its parameter names.
        const auto family = parse_exit_distribution(to_string(method));
        QCOMPARE(set.solve(target_shares(family, *solution.parameter, 6, false)).thresholds, solution.thresholds);
      }
    }
  }

  void ties_do_not_break_a_budget() {
    for (unsigned round = 0; round < 60; ++round) {
      const PreparedCalibration set(made_set(5, 40 + static_cast<int>(round), round, 30));
      const auto costs = costs_of(5);
      for (const auto method : {ThresholdMethod::exponential, ThresholdMethod::gaussian, ThresholdMethod::gamma}) {
        BudgetRequest request;
        request.method = method;
        request.average_depth = 3 + 0.1 * round;
        const auto solution = solve_budget(set, costs, request);
        if (solution.feasible) QVERIFY(solution.depth.mean <= *request.average_depth + 1e-9);
        // Not far below what trying many parameters finds.
        double most = 0;
        const auto family = parse_exit_distribution(to_string(method));
        const auto range = parameter_range(family, 5);
        for (int i = 0; i <= 400; ++i) {
          const auto tried = set.solve(target_shares(family, range.at(i / 400.0), 5, false));
          const double mean = mean_cost(tried.counts, std::vector<double>{2, 4, 6, 8, 10});
          if (mean <= *request.average_depth) most = std::max(most, mean);
        }
        if (solution.feasible) QVERIFY(solution.depth.mean >= most - 0.75);
      }
    }
  }

  void no_average_means_full_depth() {
    const PreparedCalibration set(made_set(4, 100, 2));
    BudgetRequest request;
    request.max_layer = 6;
    const auto solution = solve_budget(set, costs_of(4), request);
    QVERIFY(solution.feasible);
    QCOMPARE(solution.exit_layers, (std::vector<int>{1, 3, 5}));
    QCOMPARE(solution.counts, (std::vector<std::int64_t>{0, 0, 100}));
    QVERIFY(!solution.parameter);
    QVERIFY(state_of(solution, Constraint::max_layer).binds);
    QCOMPARE(solution.deepest_layer(), 5);
    request.max_layer = 7;  // layers 0 to 6: the exit after layer 7 is not among them
    QCOMPARE(solve_budget(set, costs_of(4), request).deepest_layer(), 5);
  }

  // ---- several constraints
  void everything_at_once() {
    const PreparedCalibration set(made_set(6, 3000, 9));
    const auto costs = costs_of(6);
    BudgetRequest request;
    request.average_gflops = 9;    // depth 6.92
    request.average_depth = 6;     // the tightest average
    request.average_ms = 45;       // depth 10
    request.peak_gflops = 14;      // five exits
    request.memory_bytes = 4.5e9;  // four exits
    request.peak_ms = 47;          // five exits
    const auto s = solve_budget(set, costs, request);
    QVERIFY2(s.feasible, s.problem.c_str());
    QCOMPARE(s.deepest_layer(), 7);
    QVERIFY(s.depth.mean <= 6 && s.depth.mean > 5.9);
    QVERIFY(state_of(s, Constraint::average_depth).binds);
    QVERIFY(!state_of(s, Constraint::average_gflops).binds);
    QVERIFY(!state_of(s, Constraint::average_ms).binds);
    QVERIFY(state_of(s, Constraint::memory).binds);
    QCOMPARE(s.memory.weights, 4'000'000'000LL);
    QCOMPARE(s.milliseconds.peak, 40.0);
    // The whole step costs more: its GFLOPs are another budget.
    request = {};
    request.average_gflops = 170;
    request.scope = GflopScope::total;
    const auto total = solve_budget(set, costs, request);
    QVERIFY(total.total_gflops.mean <= 170 && total.total_gflops.mean > 169.9);
    request.method = ThresholdMethod::optimal;
    request.average_depth = 8.2;
    const auto optimal = solve_budget(set, costs, request);
    QVERIFY(optimal.feasible && optimal.total_gflops.mean <= 170 + 1e-6);
  }

  void what_cannot_be_met_is_said() {
    const PreparedCalibration set(made_set(6, 500, 9));
    const auto costs = costs_of(6);
    BudgetRequest request;
    request.peak_gflops = 2;
    request.memory_bytes = 5e8;
    auto s = solve_budget(set, costs, request);
    QVERIFY(!s.feasible);
    QVERIFY(s.exit_layers.empty());
    QCOMPARE(s.problem, std::string("a peak of 2 GFLOPs is infeasible; the minimum is 2.6 GFLOPs; "
                                    "a memory of 0.5 GB is infeasible; the minimum is 1.082 GB"));
    request = {};
    request.average_depth = 1;
    s = solve_budget(set, costs, request);
    QVERIFY(!s.feasible);
    QVERIFY2(s.problem.starts_with("an average depth of 1 layers is infeasible; the minimum is 2"), s.problem.c_str());
    QCOMPARE(s.exit_layers.size(), std::size_t{6});  // the nearest that can be had
    QVERIFY(s.depth.mean < 2.1);
    // Two averages of which one cannot be met.
    request.average_gflops = 9;
    s = solve_budget(set, costs, request);
    QVERIFY(!s.feasible);
    QVERIFY(state_of(s, Constraint::average_gflops).met);
    QVERIFY(!state_of(s, Constraint::average_depth).met);
    request.method = ThresholdMethod::optimal;
    s = solve_budget(set, costs, request);
    QVERIFY(!s.feasible);
    QCOMPARE(s.depth.mean, 2.0);
    // Nobody may leave at the first exit: the family's least is the second.
    request = {};
    request.average_depth = 3;
    request.skip_first = true;
    s = solve_budget(set, costs, request);
    QVERIFY(!s.feasible);
    QVERIFY(s.depth.mean >= 4 - 1e-9);
  }

  void nonsense_is_refused() {
    const PreparedCalibration set(made_set(3, 50, 1));
    auto costs = costs_of(3);
    BudgetRequest request;
    request.average_ms = 10;
    costs.milliseconds.clear();
    DEER_VERIFY_ERROR(solve_budget(set, costs, request), "needs timings");
    request = {};
    request.average_gflops = std::numeric_limits<double>::quiet_NaN();
    DEER_VERIFY_ERROR(solve_budget(set, costs, request), "not a number");
    request.average_gflops = 3;
    DEER_VERIFY_ERROR(solve_budget(set, costs_of(4), request), "3 exits");
    request.locked = {0.1F};
    DEER_VERIFY_ERROR(solve_budget(set, costs, request), "locked");
    request = {};
    request.method = ThresholdMethod::optimal;
    request.average_depth = 3;
    auto without = made_set(3, 50, 1);
    without.errors.clear();
    DEER_VERIFY_ERROR(solve_budget(PreparedCalibration(without), costs, request), "calibrate again");
    auto layers = costs;
    layers.exit_layers = {0, 2, 4};
    DEER_VERIFY_ERROR(solve_budget(set, layers, {}), "different exits");
    DEER_VERIFY_ERROR(evaluate_thresholds(set, costs, {}), "expected 1 to 3");
    DEER_VERIFY_ERROR(evaluate_thresholds(set, costs, {kNan, 1.0F}), "not a number");
    DEER_VERIFY_ERROR(parse_threshold_method("uniform"), "one of exp, gauss, gamma, optimal");
  }

  void locked_thresholds_stay() {
    const PreparedCalibration set(made_set(5, 2000, 4));
    const auto costs = costs_of(5);
    for (const auto method : {ThresholdMethod::exponential, ThresholdMethod::optimal}) {
      BudgetRequest request;
      request.method = method;
      request.average_depth = 6;
      request.locked = {kNan, 0.01F, kNan, kNan, kNan};
      const auto s = solve_budget(set, costs, request);
      QVERIFY2(s.feasible, s.problem.c_str());
      QCOMPARE(s.thresholds[1], 0.01F);
      QVERIFY(s.depth.mean <= 6 && s.depth.mean > 5.8);
      // A lock that forbids the budget.
      request.locked = {-1e8F, -1e8F, -1e8F, -1e8F, kNan};
      QVERIFY(!solve_budget(set, costs, request).feasible);
    }
  }

  void edited_thresholds_are_judged() {
    const PreparedCalibration set(made_set(4, 800, 4));
    BudgetRequest request;
    request.average_depth = 3;
    const auto s = evaluate_thresholds(set, costs_of(4), {-1e8F, 0.02F, 0.02F, 1e8F}, request);
    QVERIFY(!s.feasible);
    QVERIFY2(s.problem.find("is not met: it is") != std::string::npos, s.problem.c_str());
    QCOMPARE(s.counts[0], 0);
    QCOMPARE(std::accumulate(s.counts.begin(), s.counts.end(), std::int64_t{0}), 800);
  }

  // ---- speed: what a slider needs
  void a_frame_is_enough() {
    const PreparedCalibration set(made_set(6, 100000, 12));
    const auto costs = costs_of(6);
    BudgetRequest request;
    // CPU time: other programs do not count.
    auto start = std::clock();
    const auto milliseconds = [&] { return 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC; };
    constexpr int kMoves = 20;
    for (int i = 0; i < kMoves; ++i) {
      request.average_depth = 3 + 0.4 * i;
      QVERIFY(solve_budget(set, costs, request).feasible);
    }
    const double family_ms = milliseconds() / kMoves;
    const auto part = set.subsample(2000);
    request.method = ThresholdMethod::optimal;
    request.quick = true;
    start = std::clock();
    for (int i = 0; i < kMoves; ++i) {
      request.average_depth = 3 + 0.4 * i;
      QVERIFY(solve_budget(part, costs, request).estimate);
    }
    const double optimal_ms = milliseconds() / kMoves;
    qInfo("100,000 samples of 6 exits: %.2f ms a solution; optimal, of 2,000 samples: %.2f ms", family_ms, optimal_ms);
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    QVERIFY(family_ms < 16);
    QVERIFY(optimal_ms < 16);
#endif
  }
};

DEER_SUITE(TestBudgetSolver)
#include "tst_budget_solver.moc"
