// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "core/base/error.h"
#include "core/budget/threshold_solver.h"
#include "tests/support/suite.h"

using namespace deer;

namespace {

// The rule as the reference document words it, sample by sample.
std::vector<float> by_the_rule(const CalibrationValues& values, const std::vector<float>& shares) {
  std::vector<bool> gone(static_cast<std::size_t>(values.samples), false);
  std::vector<float> out(shares.size(), -1e8F);
  for (std::size_t exit = 0; exit + 1 < shares.size(); ++exit) {
    const auto row = values.row(static_cast<std::int64_t>(exit));
    std::vector<std::size_t> order(row.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return row[a] < row[b]; });
    const auto want = static_cast<std::int64_t>(std::floor(static_cast<float>(values.samples) * shares[exit]));
    std::int64_t count = 0;
    for (const auto sample : order) {
      if (gone[sample]) continue;
      if (++count == want) {
        out[exit] = row[sample];
        break;
      }
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i] <= out[exit]) gone[i] = true;
    }
  }
  out.back() = 1e8F;
  return out;
}

}  // namespace

class ThresholdSolverTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void agrees_with_the_rule_on_random_values();
  void shares_are_met_without_ties();
  void shares_sum_to_one();
  void values_that_are_not_numbers_never_leave();
  void bad_input_is_refused();
};

void ThresholdSolverTest::agrees_with_the_rule_on_random_values() {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const auto exits = 1 + static_cast<std::int64_t>(random() % 9);
    const auto samples = 1 + static_cast<std::int64_t>(random() % 60);
    const int levels = round % 3 == 0 ? 4 : 1000;  // few levels: many ties
    std::vector<float> numbers(static_cast<std::size_t>(exits * samples));
    for (float& number : numbers) number = static_cast<float>(random() % levels) / 1000.0F;
    const CalibrationValues values{numbers, exits, samples};
    const auto shares = target_shares(round % 2 == 0 ? ExitDistribution::exponential : ExitDistribution::gamma,
                                      0.3 + 0.1 * (round % 20), exits, false);
    QCOMPARE(solve_thresholds(values, shares), by_the_rule(values, shares));
  }
}

void ThresholdSolverTest::shares_are_met_without_ties() {
  std::mt19937 random(3);
  constexpr std::int64_t kExits = 5;
  constexpr std::int64_t kSamples = 5000;
  std::vector<float> numbers(kExits * kSamples);
  std::iota(numbers.begin(), numbers.end(), 0.0F);
  std::shuffle(numbers.begin(), numbers.end(), random);
  const CalibrationValues values{numbers, kExits, kSamples};
  const auto shares = target_shares(ExitDistribution::exponential, 0.7, kExits, false);
  const auto counts = exit_counts(values, solve_thresholds(values, shares));
  QCOMPARE(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}), kSamples);
  for (std::size_t i = 0; i + 1 < counts.size(); ++i) {
    QCOMPARE(counts[i], static_cast<std::int64_t>(std::floor(static_cast<float>(kSamples) * shares[i])));
  }
}

void ThresholdSolverTest::shares_sum_to_one() {
  for (const auto distribution : {ExitDistribution::exponential, ExitDistribution::gaussian, ExitDistribution::gamma}) {
    for (const double parameter : {0.3, 1.0, 2.5}) {
      const auto shares = target_shares(distribution, parameter, 8, true);
      QCOMPARE(shares.front(), 0.0F);
      QVERIFY(std::abs(std::accumulate(shares.begin(), shares.end(), 0.0F) - 1.0F) < 1e-6F);
    }
  }
}

void ThresholdSolverTest::values_that_are_not_numbers_never_leave() {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> numbers{nan, 1, 2, nan, 5, 5, 5, 5};
  const CalibrationValues values{numbers, 2, 4};
  const auto thresholds = solve_thresholds(values, std::vector<float>{0.5F, 0.5F});
  QCOMPARE(thresholds[0], 2.0F);
  QCOMPARE(exit_counts(values, thresholds), (std::vector<std::int64_t>{2, 2}));
}

void ThresholdSolverTest::bad_input_is_refused() {
  const std::vector<float> numbers{1, 2, 3};
  QVERIFY_THROWS_EXCEPTION(Error, solve_thresholds({numbers, 1, 3}, std::vector<float>{0.5F, 0.5F}));
  QVERIFY_THROWS_EXCEPTION(Error, solve_thresholds({{}, 2, 0}, std::vector<float>{0.5F, 0.5F}));
  QVERIFY_THROWS_EXCEPTION(Error, target_shares(ExitDistribution::exponential, 0.0, 3, false));
  QVERIFY_THROWS_EXCEPTION(Error, parse_exit_distribution("uniform"));
}

DEER_SUITE(ThresholdSolverTest)
#include "tst_threshold_solver.moc"
