// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <algorithm>
#include <cmath>
#include <random>

#include "core/base/error.h"
#include "core/budget/calibration_health.h"
#include "tests/support/suite.h"

using namespace deer;

namespace {

using Values = std::vector<float>;

/// By its definition: the gap at every value of either sample.
double distance_by_definition(const Values& a, const Values& b) {
  const auto share = [](const Values& of, float value) {
    return double(std::count_if(of.begin(), of.end(), [&](float x) { return x <= value; })) / double(of.size());
  };
  double distance = 0;
  for (const auto& values : {a, b}) {
    for (const float value : values) distance = std::max(distance, std::abs(share(a, value) - share(b, value)));
  }
  return distance;
}

Values draw(std::mt19937& random, int count, double scale, int steps) {
  std::lognormal_distribution<double> distribution(0, 0.5);
  Values values;
  for (int i = 0; i < count; ++i) {
    // Rounded, so that there are ties.
    values.push_back(static_cast<float>(std::round(scale * distribution(random) * steps) / steps));
  }
  return values;
}

PreparedCalibration make_set(int exits, int samples, unsigned seed) {
  std::mt19937 random(seed);
  CalibrationSet set;
  for (int exit = 0; exit < exits; ++exit) {
    set.exit_layers.push_back(2 * exit + 1);
    set.values.push_back(draw(random, samples, 0.05, 1000));
  }
  return PreparedCalibration(set);
}

}  // namespace

class CalibrationHealthTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void distance_agrees_with_its_definition();
  void limits_and_quantiles();
  void the_same_distribution_is_healthy();
  void another_distribution_has_drifted();
  void few_frames_say_nothing();
  void frames_that_are_alike_say_little();
  void unknown_values();
};

void CalibrationHealthTest::distance_agrees_with_its_definition() {
  std::mt19937 random(3);
  for (const int steps : {5, 40, 100'000}) {
    for (const auto& [count_a, count_b] : {std::pair{1, 1}, std::pair{30, 7}, std::pair{200, 150}}) {
      auto a = draw(random, count_a, 1, steps), b = draw(random, count_b, 1.3, steps);
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      QVERIFY(std::abs(ks_distance(a, b) - distance_by_definition(a, b)) < 1e-12);
    }
  }
  QCOMPARE(ks_distance(Values{1, 2, 3}, Values{1, 2, 3}), 0.0);
  QCOMPARE(ks_distance(Values{1, 2}, Values{3, 4}), 1.0);
  QVERIFY(std::isnan(ks_distance(Values{}, Values{1})));
}

void CalibrationHealthTest::limits_and_quantiles() {
  // 1.3581 is the table's factor for 5 %.
  QVERIFY(std::abs(ks_limit(100, 100, 0.05) - 1.3581 * std::sqrt(0.02)) < 1e-4);
  QCOMPARE(quantile(Values{0, 10}, 0.25), 2.5);
  QCOMPARE(quantile(Values{0, 10, 40}, 1), 40.0);
  QCOMPARE(quantile(Values{7}, 0.3), 7.0);
  QCOMPARE(share_up_to(Values{1, 2, 2, 3}, 2), 0.75);
  QVERIFY(std::isnan(share_up_to(Values{}, 2)));
}

void CalibrationHealthTest::the_same_distribution_is_healthy() {
  const auto set = make_set(3, 2000, 1);
  const auto health = calibration_health(set, make_set(3, 300, 2).set().values, std::vector<double>{0.05, 1e8});
  for (const auto& exit : health) {
    QVERIFY(!exit.drifted);
    QVERIFY(exit.distance < exit.limit);
    QCOMPARE(exit.limit, 0.2);
  }
  QVERIFY(std::abs(health[0].seen_leaves - health[0].calibrated_leaves) < 0.1);
  QVERIFY(std::abs(health[0].calibrated_leaves - 0.5) < 0.05);  // the median
  QCOMPARE(health[1].seen_leaves, 1.0);
  QVERIFY(std::isnan(health[2].seen_leaves));
  QCOMPARE(double(health[0].calibrated_quantiles[50]), double(float(quantile(set.sorted(0), 0.5))));
}

void CalibrationHealthTest::another_distribution_has_drifted() {
  const auto set = make_set(2, 2000, 1);
  auto seen = make_set(2, 300, 2).set().values;
  for (auto& value : seen[1]) value *= 2;
  const auto health = calibration_health(set, seen, {});
  QVERIFY(!health[0].drifted);
  QVERIFY(health[1].drifted);
  QVERIFY(health[1].seen_quantiles[50] > 1.5F * health[1].calibrated_quantiles[50]);
}

void CalibrationHealthTest::few_frames_say_nothing() {
  const auto set = make_set(1, 2000, 1);
  const auto health = calibration_health(set, {{0.2F, 0.21F}}, {});
  QVERIFY(health[0].distance > 0.9);
  QVERIFY(!health[0].drifted);
}

void CalibrationHealthTest::frames_that_are_alike_say_little() {
  std::mt19937 random(5);
  const auto independent = draw(random, 4000, 1, 100'000);
  const double all = independent_count(independent);
  QVERIFY2(all > 3600 && all <= 4000, qPrintable(QString::number(all)));
  // An autoregression's integrated time is known: (1 + 0.8) / (1 - 0.8).
  std::normal_distribution<float> noise;
  Values walk(20'000);
  for (std::size_t i = 1; i < walk.size(); ++i) walk[i] = 0.8F * walk[i - 1] + noise(random);
  const double worth = independent_count(walk);
  QVERIFY2(std::abs(worth - 20'000 / 9.0) < 350, qPrintable(QString::number(worth)));
  QCOMPARE(independent_count(Values{3, 3, 3, 3}), 1.0);
  QCOMPARE(independent_count(Values{1}), 1.0);
  QCOMPARE(independent_count(Values{}), 0.0);

  // The same values have drifted if they come one by one, and have not if each stays for a second.
  const auto set = make_set(1, 2000, 1);
  auto seen = draw(random, 40, 0.1, 100'000);
  const auto by_itself = calibration_health(set, {seen}, {});
  QVERIFY(by_itself[0].drifted);
  Values held;
  for (std::size_t i = 0; i < 40; ++i) held.insert(held.end(), 1, seen[i / 8 * 8]);
  const auto alike = calibration_health(set, {held}, {});
  QCOMPARE(alike[0].seen, std::int64_t(40));
  QVERIFY2(alike[0].independent < 12, qPrintable(QString::number(alike[0].independent)));
  QVERIFY(alike[0].limit > 0.55);
  QVERIFY(!alike[0].drifted);
}

void CalibrationHealthTest::unknown_values() {
  const auto set = make_set(2, 100, 1);
  const auto health = calibration_health(set, {{std::nanf(""), 0.05F}, {}}, {});
  QCOMPARE(health[0].seen, std::int64_t(1));
  QCOMPARE(health[1].seen, std::int64_t(0));
  QVERIFY(std::isnan(health[1].distance) && !health[1].drifted);
  QVERIFY(std::isnan(health[1].seen_quantiles[0]));
  QVERIFY_THROWS_EXCEPTION(Error, calibration_health(set, {{}}, {}));
}

DEER_SUITE(CalibrationHealthTest)
#include "tst_calibration_health.moc"
