// SPDX-License-Identifier: GPL-3.0-or-later
#include <QLabel>
#include <QSignalSpy>
#include <QSlider>
#include <QTest>

#include "core/budget/budget_solver.h"
#include "core/budget/calibration.h"
#include "core/budget/exit_costs.h"
#include "core/budget/prepared_calibration.h"
#include "tests/support/suite.h"
#include "tests/widgets/budget/budget_fixture.h"

namespace deer {

using test::named;
using test::near;
using test::Scene;
using test::some_set;

/// Which calibration set goes with which model.
class BudgetSetsTest : public test::BudgetPanelFixture {
  Q_OBJECT

 private Q_SLOTS:
  void sets_that_do_not_fit_are_refused() {
    QVERIFY(open());
    QSignalSpy problems(budget_.get(), &Budget::problem);
    budget_->open_calibration(folder_->write("broken.safetensors", std::string_view("not a set")));
    QTRY_COMPARE(problems.size(), 1);
    QVERIFY(problems.back().front().value<Problem>().details.contains("broken.safetensors"));
    QVERIFY(budget_->set());  // the one before stays
    write_calibration(*folder_ / "other.safetensors", some_set(4));
    budget_->open_calibration(*folder_ / "other.safetensors");
    QTRY_COMPARE(problems.size(), 2);
    QVERIFY(!budget_->set());
    budget_->open_calibration(file_);
    QTRY_VERIFY(budget_->set());
    QTRY_VERIFY(budget_->solution());
  }

  void the_set_beside_a_model_opens_by_itself() {
    const auto model = some_model();
    write_calibration(*folder_ / kCalibrationFile, set_of(model));
    QVERIFY(open_model(model));
    QVERIFY(budget_->set());
    QCOMPARE(budget_->calibration_file(), *folder_ / kCalibrationFile);
    const auto* const origin = named<QLabel>(panel_.get(), "Where the calibration set comes from");
    QVERIFY(origin && origin->isVisible());
    QCOMPARE(origin->text(), QStringLiteral("Calibration set: calibration.safetensors, found beside the model"));
    QVERIFY(origin->toolTip().endsWith("/calibration.safetensors"));
    QTRY_VERIFY(budget_->solution());
    QVERIFY(named<QSlider>(panel_.get(), "Average")->isVisible());
    QVERIFY(!budget_->applied());  // nothing was asked
    // It begins where the active thresholds are, or at the round number just above.
    const auto& set = *budget_->set();
    const auto thresholds = Scene::thresholds();
    double layers = 0;
    for (std::size_t sample = 0; sample < set.values[0].size(); ++sample) {
      std::size_t exit = 0;
      while (exit + 1 < set.values.size() && !(set.values[exit][sample] <= float(thresholds[exit]))) ++exit;
      layers += set.exit_layers[exit] + 1;
    }
    const double mean = layers / double(set.values[0].size());
    QVERIFY(mean > 3 && mean < 11);
    const double tenth = std::ceil(10 * mean) / 10;  // taken for what was asked for if it is near
    QVERIFY(budget_->request().average_depth);
    QVERIFY(near(*budget_->request().average_depth, tenth - mean < 0.02 ? tenth : mean));
    QVERIFY(near(budget_->solution()->depth.mean, mean, 0.1));

    // The one in its folder is nearer, and no part of what makes the model.
    auto nearer = set_of(model);
    nearer.provenance["samples"] = "nearer";
    write_calibration(model / kCalibrationFile, nearer);
    QVERIFY(open_model(model));
    QVERIFY(budget_->set());
    QCOMPARE(budget_->set()->provenance.at("samples"), std::string("nearer"));
    QCOMPARE(origin->text(), QStringLiteral("Calibration set: calibration.safetensors, found in the model’s folder"));
  }

  void the_request_begins_at_what_the_thresholds_were_solved_for() {
    const auto model = some_model();
    QVERIFY(open_model(model));
    const PreparedCalibration prepared(set_of(model));
    for (const double depth : {2.5, 4.0, 6.3}) {
      BudgetRequest request;
      request.average_depth = depth;
      const auto solution = solve_budget(prepared, exit_costs(session_->model()->exit_layers), request);
      auto policy = session_->policy();
      policy.thresholds.assign(solution.thresholds.begin(), solution.thresholds.end());
      session_->set_policy(policy);
      write_calibration(*folder_ / kCalibrationFile, set_of(model));
      Budget budget(session_.get());
      QTRY_VERIFY(budget.solution() && !budget.solving());
      QVERIFY(budget.request().average_depth && near(*budget.request().average_depth, depth));
      QVERIFY(budget.applied());  // the panel shows what is active
    }
  }

  void a_set_of_another_model_is_not_opened() {
    const auto model = some_model();
    QSignalSpy problems(budget_.get(), &Budget::problem);
    auto other = set_of(model);
    other.provenance["model_hash"] = std::string(40, '0');
    write_calibration(*folder_ / kCalibrationFile, other);
    QVERIFY(open_model(model));
    QVERIFY(!budget_->set() && budget_->calibration_file().empty());
    other.provenance.erase("model_hash");  // whose it is nobody knows
    write_calibration(*folder_ / kCalibrationFile, other);
    QVERIFY(open_model(model));
    QVERIFY(!budget_->set());
    folder_->write(kCalibrationFile, std::string_view("something else"));
    QVERIFY(open_model(model));
    QVERIFY(!budget_->set());
    QCOMPARE(problems.size(), 0);
    bool offered = false;
    for (auto* const button : panel_->findChildren<QPushButton*>()) {
      offered |= button->isVisible() && button->text() == QStringLiteral("Open calibration set…");
    }
    QVERIFY(offered);
  }

  void a_set_that_was_chosen_stays() {
    const auto model = some_model();
    write_calibration(*folder_ / kCalibrationFile, set_of(model));
    QVERIFY(open_model(model));
    QVERIFY(budget_->set());
    budget_->open_calibration(file_);
    QTRY_COMPARE(budget_->calibration_file(), file_);
    QVERIFY(open_model(model));
    QCOMPARE(budget_->calibration_file(), file_);
    QCOMPARE(named<QLabel>(panel_.get(), "Where the calibration set comes from")->text(),
             QStringLiteral("Calibration set: some.safetensors"));
    // Another model brings its own, or none.
    folder_->write("elsewhere/model/config.json", std::string_view("{}"));
    QVERIFY(open_model(*folder_ / "elsewhere" / "model"));
    QVERIFY(!budget_->set());
  }
};

}  // namespace deer

DEER_SUITE(deer::BudgetSetsTest)
#include "tst_budget_sets.moc"
