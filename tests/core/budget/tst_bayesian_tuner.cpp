// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include "core/budget/bayesian_tuner.h"
#include "core/budget/gaussian_process.h"
#include "core/exits/exit_policy.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;

namespace {

// Three minima of 0.397887.
double branin(const std::vector<double>& x) {
  const double pi = std::numbers::pi;
  const double a = x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6;
  return a * a + 10 * (1 - 1 / (8 * pi)) * std::cos(x[0]) + 10;
}

// What success might look like: best at a place inside the box, falling off in each direction at its own rate.
double bowl(const std::vector<double>& x) {
  const std::vector<double> centre = {0.03, 0.004, 0.006, 0.005, 0.0045};
  const std::vector<double> width = {0.01, 0.001, 0.002, 0.001, 0.002};
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += std::pow((x[i] - centre[i]) / width[i], 2);
  return -4 * std::exp(-sum / 6);
}

template <class Function>
BayesianTuner run(TunerOptions options, int evaluations, Function function) {
  BayesianTuner tuner(std::move(options));
  for (int i = 0; i < evaluations; ++i) {
    const auto point = tuner.next();
    tuner.add({point, function(point)});
  }
  return tuner;
}

TunerOptions branin_options(Acquisition acquisition) {
  TunerOptions out;
  out.low = {-5, 0};
  out.high = {10, 15};
  out.random_points = 8;
  out.acquisition = acquisition;
  return out;
}

}  // namespace

class TestBayesianTuner : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void a_process_goes_through_its_points() {
    std::vector<std::vector<double>> points;
    std::vector<double> values;
    for (int i = 0; i < 12; ++i) {
      points.push_back({i / 11.0});
      values.push_back(7 + 3 * std::sin(6 * points.back()[0]));
    }
    const GaussianProcess process(points, values);
    const auto at_points = process.predict(points);
    for (std::size_t i = 0; i < points.size(); ++i) {
      QVERIFY(std::abs(at_points[i].mean - values[i]) < 0.02);
      QVERIFY(at_points[i].deviation < 0.05);
    }
    for (const double x : {0.13, 0.5, 0.77}) {
      const auto p = process.predict({{x}}).front();
      QVERIFY(std::abs(p.mean - (7 + 3 * std::sin(6 * x))) < 0.05);
    }
    // Far from all points it knows nothing.
    const auto far = process.predict({{-5.0}}).front();
    QVERIFY(far.deviation > 10 * process.predict({{0.52}}).front().deviation);
    QVERIFY(process.parameters().noise < 0.1);
  }

  void a_process_sees_noise_and_what_does_not_matter() {
    std::vector<std::vector<double>> points;
    std::vector<double> values;
    std::uint64_t state = 1;
    const auto uniform = [&] {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      return static_cast<double>(state >> 11) * 0x1.0p-53;
    };
    for (int i = 0; i < 50; ++i) {
      points.push_back({uniform(), uniform()});
      values.push_back(4 * points.back()[0] * points.back()[0] + 0.5 * (uniform() - 0.5));
    }
    const GaussianProcess process(points, values);
    const auto& p = process.parameters();
    QVERIFY2(p.noise > 0.08 && p.noise < 0.22, qPrintable(QString::number(p.noise)));  // 0.5 / sqrt(12)
    QVERIFY2(p.length_scales[1] > 2 * p.length_scales[0], qPrintable(QString::number(p.length_scales[1])));
    QVERIFY(std::abs(process.predict({{0.7, 0.5}}).front().mean - 4 * 0.49) < 0.15);
  }

  void equal_points_and_values_do_no_harm() {
    const std::vector<std::vector<double>> points(6, {0.5, 0.5});
    const GaussianProcess same(points, std::vector<double>(6, 2.0));
    QVERIFY(std::abs(same.predict({{0.1, 0.9}}).front().mean - 2) < 1e-6);
    const GaussianProcess one({{0.5}}, {3.0});
    QCOMPARE(one.predict({{0.5}}).front().mean, 3.0);
    const GaussianProcess torn(points, {1, 2, 1, 2, 1, 2});
    QVERIFY(std::abs(torn.predict({{0.5, 0.5}}).front().mean - 1.5) < 0.1);
    DEER_VERIFY_ERROR(GaussianProcess({}, {}), "needs points");
    DEER_VERIFY_ERROR(GaussianProcess({{0.5}, {0.5, 0.5}}, {1, 2}), "2 coordinates, expected 1");
    DEER_VERIFY_ERROR(GaussianProcess({{0.5}}, {NAN}), "not a number");
    DEER_VERIFY_ERROR(one.predict({{0.5, 0.5}}), "2 coordinates");
    QVERIFY(one.predict({}).empty());
  }

  void finds_the_minimum_data() {
    QTest::addColumn<int>("acquisition");
    QTest::newRow("EI") << static_cast<int>(Acquisition::expected_improvement);
    QTest::newRow("LCB") << static_cast<int>(Acquisition::lower_confidence_bound);
    QTest::newRow("PI") << static_cast<int>(Acquisition::probability_of_improvement);
  }
  void finds_the_minimum() {
    QFETCH(int, acquisition);
    const auto tuner = run(branin_options(static_cast<Acquisition>(acquisition)), 32, branin);
    // Random search: 500 points are needed for 0.5 in half of the cases.
    QVERIFY2(tuner.best().value < 0.5, qPrintable(QString::number(tuner.best().value)));
    for (const auto& evaluation : tuner.evaluations()) {
      QVERIFY(evaluation.point[0] >= -5 && evaluation.point[0] <= 10);
      QVERIFY(evaluation.point[1] >= 0 && evaluation.point[1] <= 15);
    }
  }

  void beats_its_start_in_the_references_box() {
    const std::vector<double> offline = {0.024, 0.0034, 0.007, 0.0055, 0.0046, kAlwaysLeave};
    const auto box = search_box(offline);
    QCOMPARE(box.low.size(), std::size_t{5});
    QVERIFY(std::abs(box.low[0] - 0.004) < 1e-12 && std::abs(box.high[0] - 0.044) < 1e-12);
    QVERIFY(std::abs(box.low[1] - 0.0014) < 1e-12 && std::abs(box.high[4] - 0.0066) < 1e-12);
    TunerOptions options;
    options.low = box.low;
    options.high = box.high;
    options.start.assign(offline.begin(), offline.end() - 1);
    const auto tuner = run(options, 40, bowl);
    QCOMPARE(tuner.evaluations().front().point, options.start);
    QVERIFY2(tuner.best().value < bowl(options.start) - 0.3, qPrintable(QString::number(tuner.best().value)));
  }

  void goes_on_as_if_it_had_not_stopped() {
    const auto options = branin_options(Acquisition::expected_improvement);
    const auto whole = run(options, 14, branin);
    for (const std::size_t told : {std::size_t{0}, std::size_t{3}, std::size_t{9}, std::size_t{13}}) {
      BayesianTuner resumed(options);
      for (std::size_t i = 0; i < told; ++i) resumed.add(whole.evaluations()[i]);
      QCOMPARE(resumed.next(), whole.evaluations()[told].point);
    }
    auto other = options;
    other.seed = 2;
    QVERIFY(BayesianTuner(other).next() != BayesianTuner(options).next());
  }

  void random_points_cover_the_box() {
    auto options = branin_options(Acquisition::expected_improvement);
    const auto tuner = run(options, 8, branin);
    for (std::size_t d = 0; d < 2; ++d) {
      std::set<int> slices;
      for (const auto& evaluation : tuner.evaluations()) {
        slices.insert(
            static_cast<int>((evaluation.point[d] - options.low[d]) / (options.high[d] - options.low[d]) * 8));
      }
      QCOMPARE(slices.size(), std::size_t{8});
    }
  }

  void the_references_objective() {
    QCOMPARE(tuning_objective(2.8, 5.0, 5.2), -2.8);
    QCOMPARE(tuning_objective(2.8, 5.5, 5.0), -2.3);
    QCOMPARE(tuning_objective(2.8, 5.5, 5.0, 2), -1.8);
  }

  void bad_input_is_refused() {
    TunerOptions options;
    DEER_VERIFY_ERROR(BayesianTuner{options}, "search box");
    options.low = {0, 1};
    options.high = {1, 1};
    DEER_VERIFY_ERROR(BayesianTuner{options}, "empty in dimension 1");
    options.high = {1, NAN};
    DEER_VERIFY_ERROR(BayesianTuner{options}, "empty in dimension 1");
    options.high = {1, 2};
    options.start = {0.5, 3};
    DEER_VERIFY_ERROR(BayesianTuner{options}, "outside the search box in dimension 1");
    options.start = {};
    BayesianTuner tuner(options);
    DEER_VERIFY_ERROR(tuner.best(), "no evaluations yet");
    DEER_VERIFY_ERROR(tuner.add({{0.5}, 1}), "1 coordinates");
    DEER_VERIFY_ERROR(tuner.add({{0.5, 1.5}, NAN}), "not a number");
    DEER_VERIFY_ERROR(tuner.add({{0.5, INFINITY}, 1}), "not a number");
    DEER_VERIFY_ERROR(parse_acquisition("UCB"), "one of EI, LCB, PI");
    QCOMPARE(to_string(parse_acquisition("PI")), std::string_view("PI"));
    DEER_VERIFY_ERROR(search_box(std::vector<double>{1e8}), "no threshold to tune");
    DEER_VERIFY_ERROR(search_box(std::vector<double>{0.1, 1e8, 1e8}), "threshold 1 always exits");
    DEER_VERIFY_ERROR(search_box(std::vector<double>{0.1, 1e8}, 0), "no width");
    // "Never" is searched from 0 on.
    QCOMPARE(search_box(std::vector<double>{-1e8, 1e8}).low.front(), 0.0);
  }
};

DEER_SUITE(TestBayesianTuner)
#include "tst_bayesian_tuner.moc"
