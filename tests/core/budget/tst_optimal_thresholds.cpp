// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/budget/family_search.h"
#include "core/budget/optimal_thresholds.h"
#include "tests/core/budget/make_set.h"
#include "tests/support/suite.h"

using namespace deer;
using namespace deer::test;

namespace {

constexpr ExitDistribution kFamilies[] = {ExitDistribution::exponential, ExitDistribution::gaussian,
                                          ExitDistribution::gamma};

// Every combination of thresholds that matter: each value of an exit, or none.
double least_error(const PreparedCalibration& set, const std::vector<double>& costs, double budget) {
  const auto exits = costs.size();
  std::vector<std::size_t> place(exits, 0);
  double best = std::numeric_limits<double>::infinity();
  while (true) {
    std::vector<float> thresholds(exits, 1e8F);
    for (std::size_t exit = 0; exit + 1 < exits; ++exit) {
      const auto values = set.sorted(exit);
      thresholds[exit] = place[exit] == 0 ? -1e8F : values[place[exit] - 1];
    }
    const auto outcome = set.evaluate(thresholds);
    if (mean_cost(outcome.counts, costs) <= budget + 1e-12) best = std::min(best, outcome.mean_error);
    std::size_t exit = 0;
    while (exit + 1 < exits && ++place[exit] > set.sorted(exit).size()) place[exit++] = 0;
    if (exit + 1 >= exits) return best;
  }
}

}  // namespace

class TestOptimalThresholds : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void three_exits_by_brute_force() {
    for (unsigned round = 0; round < 120; ++round) {
      const PreparedCalibration set(made_set(3, 2 + static_cast<int>(round % 14), round, round % 4 == 0 ? 60 : 0));
      const std::vector<double> costs = {2, 4, 6.5};
      for (const double budget : {2.0, 2.6, 3.3, 4.1, 5.2, 6.5}) {
        const auto found = optimal_thresholds(set, costs, budget);
        QVERIFY(mean_cost(found.counts, costs) <= budget + 1e-9);
        const double least = least_error(set, costs, budget);
        QVERIFY2(std::abs(found.mean_error - least) < 1e-7,
                 qPrintable(QString("round %1: %2 against %3").arg(round).arg(found.mean_error).arg(least)));
      }
    }
  }

  void four_exits_by_brute_force() {
    int tries = 0;
    int optimal = 0;
    double excess = 0;
    for (unsigned round = 0; round < 40; ++round) {
      const PreparedCalibration set(made_set(4, 4 + static_cast<int>(round % 9), 1000 + round));
      const std::vector<double> costs = {2, 4, 6, 8};
      for (const double budget : {2.7, 3.9, 5.1, 6.3}) {
        const auto found = optimal_thresholds(set, costs, budget);
        const double least = least_error(set, costs, budget);
        QVERIFY(mean_cost(found.counts, costs) <= budget + 1e-9);
        QVERIFY(found.mean_error >= least - 1e-7);
        ++tries;
        if (found.mean_error < least + 1e-7) ++optimal;
        excess += found.mean_error / std::max(least, 1e-6) - 1;
      }
    }
    qInfo("%d of %d are optimal, mean excess error %.3f %%", optimal, tries, 100 * excess / tries);
    QVERIFY(optimal >= tries * 9 / 10);
  }

  void never_worse_than_a_family_and_no_single_move_helps() {
    for (const unsigned seed : {1U, 2U, 3U}) {
      const PreparedCalibration set(made_set(6, 1500, seed));
      const std::vector<double> costs = {2, 4, 6, 8, 10, 12};
      for (const double budget : {3.0, 4.5, 7.0, 10.0}) {
        const auto found = optimal_thresholds(set, costs, budget);
        QVERIFY(mean_cost(found.counts, costs) <= budget + 1e-9);
        for (const auto family : kFamilies) {
          const auto member = search_family(set, costs, budget, family);
          if (member.met) QVERIFY(found.mean_error <= member.outcome.mean_error + 1e-9);
        }
        for (std::size_t exit = 0; exit < 5; ++exit) {
          const auto values = set.sorted(exit);
          for (std::size_t i = 0; i < values.size(); i += 37) {
            auto moved = found.thresholds;
            moved[exit] = values[i];
            const auto outcome = set.evaluate(moved);
            QVERIFY(mean_cost(outcome.counts, costs) > budget + 1e-9 || outcome.mean_error >= found.mean_error - 1e-7);
          }
        }
        OptimalOptions quick;
        quick.quick = true;
        const auto estimate = optimal_thresholds(set, costs, budget, quick);
        QVERIFY(mean_cost(estimate.counts, costs) <= budget + 1e-9);
        QVERIFY(estimate.mean_error <= 1.1 * found.mean_error + 1e-6);
      }
    }
  }

  void curves_for_a_plot() {
    const PreparedCalibration set(made_set(6, 1500, 8));
    const std::vector<double> costs = {2, 4, 6, 8, 10, 12};
    const auto optimal = optimal_curve(set, costs, 30);
    QVERIFY(optimal.size() > 10);
    QCOMPARE(optimal.front().cost, 2.0);
    QCOMPARE(optimal.back().error, 0.0);
    for (std::size_t i = 1; i < optimal.size(); ++i) {
      QVERIFY(optimal[i].cost > optimal[i - 1].cost && optimal[i].error < optimal[i - 1].error);
    }
    for (const auto family : kFamilies) {
      const auto curve = family_curve(set, costs, family, 25);
      QCOMPARE(curve.size(), std::size_t{25});
      // Gamma's shape cannot fall below 0: 1.59 exits of two layers.
      QVERIFY(curve.front().cost < (family == ExitDistribution::gamma ? 3.3 : 2.2));
      QVERIFY(curve.back().cost > 11.8);
      // The hull lies below the families.
      for (const auto& point : curve) {
        for (std::size_t i = 1; i < optimal.size(); ++i) {
          const auto& a = optimal[i - 1];
          const auto& b = optimal[i];
          if (point.cost < a.cost || point.cost > b.cost) continue;
          const double hull = a.error + (point.cost - a.cost) / (b.cost - a.cost) * (b.error - a.error);
          QVERIFY2(point.error > 0.97 * hull - 1e-4,
                   qPrintable(QString("at %1: %2 below %3").arg(point.cost).arg(point.error).arg(hull)));
        }
      }
    }
  }

  void a_search_can_be_stopped() {
    const PreparedCalibration set(made_set(6, 2000, 8));
    std::stop_source stop;
    stop.request_stop();
    OptimalOptions options;
    options.stop = stop.get_token();
    QVERIFY_THROWS_EXCEPTION(Cancelled, optimal_thresholds(set, std::vector<double>{2, 4, 6, 8, 10, 12}, 5, options));
  }
};

DEER_SUITE(TestOptimalThresholds)
#include "tst_optimal_thresholds.moc"
