// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QComboBox>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QSignalSpy>
#include <QSlider>
#include <QTableView>
#include <QTest>
#include <QToolButton>
#include <cmath>
#include <random>
#include <semaphore>

#include "core/budget/thresholds_file.h"
#include "core/model/model_config.h"
#include "core/model/model_fingerprint.h"
#include "sessions/session/policy_undo.h"
#include "tests/support/comma_locale.h"
#include "tests/support/suite.h"
#include "tests/widgets/budget/budget_fixture.h"
#include "widgets/base/budget_text.h"
#include "widgets/base/empty_state.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/budget/budget_panel.h"
#include "widgets/budget/budget_row.h"
#include "widgets/budget/budget_thresholds.h"
#include "widgets/budget/pareto_plot.h"
#include "widgets/exits/exit_histogram.h"

namespace deer {

using test::named;
using test::near;
using test::Scene;
using test::some_set;
using test::TemporaryFolder;

class BudgetPanelTest : public test::BudgetPanelFixture {
  Q_OBJECT

 private Q_SLOTS:
  void it_says_what_is_missing() {
    const auto* const empty = panel_->findChild<EmptyState*>();
    QVERIFY(empty && empty->isVisible());
    QCOMPARE(empty->sentence(), QStringLiteral("Open a model to turn a budget into thresholds."));
    QSignalSpy model_asked(panel_.get(), &BudgetPanel::open_model_requested);
    QSignalSpy set_asked(panel_.get(), &BudgetPanel::open_calibration_requested);
    const auto click = [this](const QString& text) {
      for (auto* const button : panel_->findChildren<QPushButton*>()) {
        if (button->text() == text && button->isVisible()) QTest::mouseClick(button, Qt::LeftButton);
      }
    };
    click(QStringLiteral("Open model…"));
    QCOMPARE(model_asked.size(), 1);
    QVERIFY(test::open_all(session_.get()));
    QTRY_VERIFY(!budget_->opening());
    QVERIFY(empty->isVisible());
    QVERIFY2(empty->sentence().startsWith(QStringLiteral("Open a calibration set")), qPrintable(empty->sentence()));
    click(QStringLiteral("Open calibration set…"));
    QCOMPARE(set_asked.size(), 1);
  }

  // What the slider asks for is solved as the solver solves it, applied, and replayed.
  void an_average_becomes_a_policy() {
    QVERIFY(open());
    QCOMPARE(panel_->headline(), QStringLiteral("Mean depth %1 of 12").arg(format_number(12)));
    const auto before = session_->policy();
    auto* const slider = named<QSlider>(panel_.get(), "Average");
    QVERIFY(slider && slider->isEnabled());
    QCOMPARE(session_->policy(), before);  // nothing was asked yet
    slider->setValue(200);                 // a fifth of the way from 2 to 12 layers
    QTRY_VERIFY(budget_->solution() && !budget_->solving());
    QVERIFY(near(budget_->request().average_depth.value(), 4.0));

    BudgetRequest request;
    request.average_depth = 4.0;
    const auto expected = solve_budget(PreparedCalibration(some_set()), budget_->costs(), request);
    QVERIFY(expected.feasible);
    QCOMPARE(budget_->solution()->thresholds, expected.thresholds);
    QCOMPARE(panel_->headline(), QStringLiteral("Mean depth %1 of 12").arg(format_number(expected.depth.mean)));
    QCOMPARE(panel_->estimate_text(),
             QStringLiteral("%1 (estimate, %2 samples)").arg(BudgetText::saving(expected.saving), format_count(3000)));
    auto* const histogram = panel_->findChild<ExitHistogram*>();
    QCOMPARE(std::vector<std::int64_t>(histogram->counts().begin(), histogram->counts().end()), expected.counts);

    QTRY_VERIFY(budget_->applied());
    for (std::size_t i = 0; i < expected.thresholds.size(); ++i) {
      QCOMPARE(static_cast<float>(session_->policy().thresholds[i]), expected.thresholds[i]);
    }
    QTRY_VERIFY(session_->records_current());
    double depth = 0;
    for (qint64 frame = 0; frame < session_->frame_count(); ++frame) depth += session_->record(frame)->depth();
    depth /= static_cast<double>(session_->frame_count());
    QTRY_VERIFY2(panel_->exact_text().startsWith(QStringLiteral("Exact: mean depth %1").arg(format_number(depth))),
                 qPrintable(panel_->exact_text()));
    QVERIFY(near(budget_->measured().mean_depth, depth));
  }

  void a_drag_ends_with_the_newest() {
    QVERIFY(open());
    auto* const slider = named<QSlider>(panel_.get(), "Average");
    for (int position = 900; position >= 300; position -= 5) slider->setValue(position);
    QTRY_VERIFY(!budget_->solving());
    QVERIFY(near(budget_->request().average_depth.value(), 5.0));
    QVERIFY(budget_->solution()->depth.mean <= 5.0 + 1e-9);
    QVERIFY(budget_->solution()->depth.mean > 4.9);
    QTRY_VERIFY(budget_->applied());
  }

  void sliders_show_what_moving_one_does_to_the_others() {
    QVERIFY(open());
    const auto row = [this](const QString& name) { return named<BudgetRow>(panel_.get(), name); };
    const auto memory_before = row("Memory")->result_text();
    named<QSlider>(panel_.get(), "Peak")->setValue(2);  // the third exit
    QTRY_VERIFY(budget_->solution() && !budget_->solving() && budget_->solution()->deepest_layer() == 5);
    QCOMPARE(budget_->request().max_layer.value(), 6);
    QVERIFY(row("Memory")->result_text() != memory_before);
    QCOMPARE(row("Peak")->asked_text(), QStringLiteral("at most %1").arg(format_quantity(6, "layers")));
    QTRY_VERIFY(budget_->applied());
    QCOMPARE(session_->policy().max_layer.value(), 6);
    QCOMPARE(session_->policy().thresholds.size(), std::size_t{3});

    // The same bound, said in bytes.
    named<QSlider>(panel_.get(), "Peak")->setValue(5);
    named<QSlider>(panel_.get(), "Memory")->setValue(2);
    QTRY_VERIFY(!budget_->solving() && budget_->solution()->deepest_layer() == 5);
    QVERIFY(!budget_->request().max_layer);
    QVERIFY(budget_->request().memory_bytes.has_value());
  }

  void other_units_ask_for_the_same() {
    QVERIFY(open());
    named<QSlider>(panel_.get(), "Average")->setValue(200);
    QTRY_VERIFY(budget_->solution() && !budget_->solving());
    const auto depth = budget_->solution()->depth.mean;
    auto* const units = named<QComboBox>(panel_.get(), "Unit of Average");
    QVERIFY(units && units->count() == 2);
    units->setCurrentIndex(1);
    QTRY_VERIFY(!budget_->solving() && budget_->request().average_gflops);
    QVERIFY(!budget_->request().average_depth);
    QVERIFY(near(budget_->solution()->depth.mean, depth, 0.05));
    QCOMPARE(budget_->costs().llm_gflops.back(), CostModel(ModelConfig()).llm_gflops(11, budget_->prompt_tokens()));
  }

  void another_unit_of_the_peak_asks_for_the_same_exit() {
    QVERIFY(open());
    named<QSlider>(panel_.get(), "Peak")->setValue(2);
    QTRY_VERIFY(!budget_->solving() && budget_->solution()->deepest_layer() == 5);
    auto* const units = named<QComboBox>(panel_.get(), "Unit of Peak");
    units->setCurrentIndex(1);
    QTRY_VERIFY(!budget_->solving());
    QCOMPARE(units->currentIndex(), 1);
    QCOMPARE(budget_->request().peak_gflops, std::optional<double>(budget_->costs().llm_gflops[2]));
    QVERIFY(!budget_->request().max_layer);
    QCOMPARE(budget_->solution()->deepest_layer(), 5);
  }

  void a_drag_is_one_step_to_undo() {
    QVERIFY(open());
    auto* const undo = PolicyUndo::of(session_.get());
    auto* const slider = named<QSlider>(panel_.get(), "Average");
    const auto first = session_->policy();
    const auto drag = [&](int from, int to) {
      slider->setSliderDown(true);
      slider->setValue(from);
      // Thresholds are applied in the middle of the drag too.
      if (!QTest::qWaitFor([&] { return budget_->applied(); })) return false;
      slider->setValue(to);
      slider->setSliderDown(false);
      return QTest::qWaitFor([&] { return !budget_->solving() && budget_->applied(); });
    };
    QVERIFY(drag(500, 300));
    QCOMPARE(undo->count(), 1);
    const auto second = session_->policy();
    const auto headline = panel_->headline();
    const auto position = slider->value();
    QVERIFY2(undo->undo_text().startsWith("Budget "), qPrintable(undo->undo_text()));
    QVERIFY(drag(150, 100));
    QCOMPARE(undo->count(), 2);
    QVERIFY(panel_->headline() != headline);

    undo->undo();
    QCOMPARE(session_->policy(), second);
    QCOMPARE(slider->value(), position);
    QTRY_COMPARE(panel_->headline(), headline);
    QVERIFY(budget_->applied());
    undo->undo();
    QCOMPARE(session_->policy(), first);
    QVERIFY(!undo->can_undo());
    QCOMPARE(slider->value(), slider->maximum());  // no limit, as when the set was opened
    undo->redo();
    QCOMPARE(session_->policy(), second);
    QCOMPARE(slider->value(), position);
    QTRY_COMPARE(panel_->headline(), headline);

    // Thresholds by hand: what the panel shows can be applied, and is not by itself.
    auto other = session_->policy();
    other.thresholds[0] = 0.5;
    session_->set_policy(other);
    auto* const apply = named_button("Apply");
    QTRY_VERIFY(apply->isEnabled());
    QTRY_COMPARE(panel_->exact_text(), QStringLiteral("Different thresholds are active."));
    QTest::mouseClick(apply, Qt::LeftButton);
    QCOMPARE(session_->policy(), second);
    QVERIFY(!apply->isEnabled());
  }

  void milliseconds_do_not_take_the_plot_away() {
    QVERIFY(open());
    QTRY_VERIFY_WITH_TIMEOUT(!budget_->curves().family.empty(), 20'000);
    StageTimings timings;
    for (const int layer : budget_->costs().exit_layers) {
      timings.exits.push_back({layer, {}, {}, {5.0 + layer, 5.0, 6.0}});
    }
    Q_EMIT budget_->meter()->measured(timings);
    QVERIFY(!budget_->costs().milliseconds.empty());
    QVERIFY(panel_->plot()->isVisible() && !budget_->curves().family.empty());
    QTRY_VERIFY(budget_->solution() && !budget_->solving());
    QVERIFY(!budget_->curves().family.empty());
    // In milliseconds, too.
    named<QSlider>(panel_.get(), "Average")->setValue(300);
    QTRY_VERIFY(!budget_->solving());
    QSignalSpy drawn(budget_.get(), &Budget::curves_changed);
    named<QComboBox>(panel_.get(), "Unit of Average")->setCurrentIndex(2);
    QVERIFY(budget_->request().average_ms.has_value());
    QTRY_VERIFY_WITH_TIMEOUT(!drawn.empty(), 20'000);
    QVERIFY(budget_->curves().family.front().cost > 5.99);
    QCOMPARE(panel_->plot()->xAxis->label(), QStringLiteral("ms per step"));
  }

  // A measurement that does not notice at once that it was cancelled holds nobody up.
  void measuring_again_does_not_wait() {
    std::counting_semaphore<> begun(0), go_on(0);
    CostMeter meter([&](const auto&, const auto&, const auto&, std::stop_token) -> std::unique_ptr<Engine> {
      begun.release();
      go_on.acquire();
      throw Error("cannot be loaded");
    });
    QSignalSpy failed(&meter, &CostMeter::failed);
    meter.start("model", {});
    begun.acquire();
    meter.cancel();
    QVERIFY(!meter.running());
    meter.start("model", {});
    QVERIFY(meter.running());
    go_on.release(2);
    QTRY_COMPARE(failed.size(), 1);  // the first was cancelled
    QVERIFY(!meter.running());
  }

  void the_first_answer_comes_before_the_curves() {
    const auto set = std::make_shared<const PreparedCalibration>(some_set());
    const std::vector<int> layers = set->set().exit_layers;
    BudgetSearch search;
    QStringList order;
    connect(&search, &BudgetSearch::solved, this, [&] { order << QStringLiteral("solved"); });
    connect(&search, &BudgetSearch::drawn, this, [&] { order << QStringLiteral("drawn"); });
    BudgetRequest request;
    request.average_depth = 4;
    search.ask({set, set, exit_costs(layers), request});
    QTRY_COMPARE_WITH_TIMEOUT(order.size(), 2, 20'000);
    QCOMPARE(order, (QStringList{"solved", "drawn"}));
    request.average_depth = 5;
    search.ask({set, set, exit_costs(layers), request});
    QTRY_COMPARE(order.size(), 3);  // the curves are still right
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_THROWS_EXCEPTION(Cancelled, family_curve(*set, std::vector<double>{2, 4, 6, 8, 10, 12},
                                                     ExitDistribution::exponential, 40, false, stop.get_token()));
  }

  void without_a_set_a_file_becomes_the_policy() {
    QVERIFY(test::open_all(session_.get()));
    folder_->write("two.json", std::string_view("{\"thresholds\": [0.1, 1e8], \"exit_layers\": [1, 3], "
                                                "\"criterion\": \"feature_similarity\"}"));
    budget_->load_thresholds(*folder_ / "two.json");
    QTRY_COMPARE(session_->policy().max_layer, std::optional<int>(4));
    QVERIFY(session_->policy().criterion == Criterion::feature_similarity);
    QCOMPARE(PolicyUndo::of(session_.get())->count(), 1);
  }

  void a_locked_threshold_stays() {
    QVERIFY(open());
    auto* const table = named<QTableView>(panel_.get(), "Thresholds of the budget");
    auto* const model = panel_->thresholds();
    QAbstractItemModelTester sound(model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    named<QSlider>(panel_.get(), "Average")->setValue(300);
    QTRY_VERIFY(budget_->solution() && !budget_->solving());
    QVERIFY(table->model()->setData(model->index(0, BudgetThresholds::kThreshold), "0.02", Qt::EditRole));
    QTRY_VERIFY(!budget_->solving());
    QCOMPARE(budget_->solution()->thresholds[0], 0.02F);
    QCOMPARE(model->index(0, BudgetThresholds::kLock).data(Qt::CheckStateRole).toInt(), int(Qt::Checked));
    const auto before = budget_->solution()->thresholds;
    named<QSlider>(panel_.get(), "Average")->setValue(500);
    QTRY_VERIFY(!budget_->solving());
    QCOMPARE(budget_->solution()->thresholds[0], 0.02F);
    QVERIFY(budget_->solution()->thresholds != before);
    QVERIFY(model->setData(model->index(0, BudgetThresholds::kLock), Qt::Unchecked, Qt::CheckStateRole));
    QTRY_VERIFY(!budget_->solving());
    QVERIFY(budget_->solution()->thresholds[0] != 0.02F);
    QVERIFY(!model->setData(model->index(1, BudgetThresholds::kThreshold), "much", Qt::EditRole));
    QVERIFY(panel_->message().contains("much"));
  }

  void what_cannot_be_met_is_said() {
    QVERIFY(open());
    auto* const model = panel_->thresholds();
    // Nobody leaves before the last exit, and the average is to be small.
    for (int row = 0; row + 1 < Scene::kExits; ++row) {
      QVERIFY(model->setData(model->index(row, BudgetThresholds::kThreshold), "never", Qt::EditRole));
      QTRY_VERIFY(!budget_->solving());
    }
    QTRY_VERIFY(budget_->applied());
    const auto policy = session_->policy();
    named<QSlider>(panel_.get(), "Average")->setValue(100);
    QTRY_VERIFY(budget_->solution() && !budget_->solving());
    QVERIFY(!budget_->solution()->feasible);
    QVERIFY2(panel_->message().startsWith("An average of ") && panel_->message().contains("infeasible; the minimum is"),
             qPrintable(panel_->message()));
    QVERIFY(!budget_->policy());
    QTest::qWait(250);
    QVERIFY(session_->policy() == policy);  // nothing infeasible was applied
  }

  void least_error_is_first_quick_then_thorough() {
    QVERIFY(open());
    named<QSlider>(panel_.get(), "Average")->setValue(200);
    QTRY_VERIFY(budget_->solution() && !budget_->solving());
    const auto family = budget_->solution()->mean_error;
    auto* const method = named<QComboBox>(panel_.get(), "How thresholds are chosen");
    method->setCurrentIndex(3);
    Q_EMIT method->activated(3);
    QTRY_VERIFY_WITH_TIMEOUT(budget_->request().method == ThresholdMethod::optimal && !budget_->solving(), 30'000);
    QVERIFY(budget_->solution()->feasible && !budget_->solution()->estimate);
    QVERIFY(budget_->solution()->mean_error <= family + 1e-9);
    QVERIFY(budget_->solution()->depth.mean <= 4.0 + 1e-9);
  }

  void the_plot_shows_where_one_is() {
    QVERIFY(open());
    named<QSlider>(panel_.get(), "Average")->setValue(300);
    QTRY_VERIFY_WITH_TIMEOUT(!budget_->solving() && !budget_->curves().family.empty(), 20'000);
    QVERIFY(!budget_->curves().optimal.empty());
    auto* const plot = panel_->plot();
    QTRY_VERIFY(plot->isVisible());
    plot->replot();
    const auto& solution = *budget_->solution();
    const QPoint place(qRound(plot->xAxis->coordToPixel(solution.depth.mean)),
                       qRound(plot->yAxis->coordToPixel(solution.mean_error)));
    QVERIFY(plot->axisRect()->rect().contains(place));
    const auto picture = plot->grab().toImage();
    const auto ink = Theme::instance().colors().text;
    bool found = false;
    for (int dx = -6; dx <= 6; ++dx) {
      for (int dy = -6; dy <= 6; ++dy) found |= picture.pixelColor(place + QPoint(dx, dy)) == ink;
    }
    QVERIFY(found);
    // A family's point lies on its curve or above the least error at the same cost.
    for (const auto& point : budget_->curves().family) QVERIFY(point.error >= 0 && point.cost >= 2 - 1e-9);
  }

  void thresholds_go_to_files_and_back() {
    QVERIFY(open());
    named<QSlider>(panel_.get(), "Average")->setValue(200);
    QTRY_VERIFY(budget_->solution() && !budget_->solving());
    const auto thresholds = budget_->solution()->thresholds;
    const auto file = *folder_ / "t.json";
    budget_->save_thresholds(file);
    QTRY_VERIFY(std::filesystem::exists(file));
    QCOMPARE(read_thresholds(file).thresholds.size(), thresholds.size());
    named<QSlider>(panel_.get(), "Average")->setValue(900);
    QTRY_VERIFY(!budget_->solving() && budget_->solution()->thresholds != thresholds);
    named<QSlider>(panel_.get(), "Average")->setValue(1001);
    QSignalSpy loaded(budget_.get(), &Budget::thresholds_loaded);
    budget_->load_thresholds(file);
    QTRY_COMPARE(loaded.size(), 1);
    QTRY_VERIFY(!budget_->solving());
    for (std::size_t i = 0; i + 1 < thresholds.size(); ++i) QCOMPARE(budget_->solution()->thresholds[i], thresholds[i]);
    const auto line = budget_->reference_line();
    QVERIFY(line.startsWith("--thresholds "));
    {
      const deer::test::CommaLocale comma;
      QVERIFY2(comma.is_active(), "localedef could not make de_DE.UTF-8: install the package locales");
      QCOMPARE(budget_->reference_line(), line);
    }

    QSignalSpy problems(budget_.get(), &Budget::problem);
    folder_->write("bad.json", std::string_view("{\"thresholds\": [\"many\"]}"));
    budget_->load_thresholds(*folder_ / "bad.json");
    QTRY_COMPARE(problems.size(), 1);
    QVERIFY(problems.front().front().value<Problem>().details.contains("bad.json"));
    budget_->save_thresholds(*folder_ / "no such folder" / "t.json");
    QTRY_COMPARE(problems.size(), 2);
    // Thresholds of other values than the calibration set's would be locked at numbers without meaning.
    folder_->write("similar.json", std::string_view("{\"thresholds\": [0.1], \"criterion\": \"feature_similarity\"}"));
    budget_->load_thresholds(*folder_ / "similar.json");
    QTRY_COMPARE(problems.size(), 3);
    QVERIFY(problems.back().front().value<Problem>().details.contains("similar.json: 'criterion' is"));
  }

  void a_preset_and_a_dark_theme() {
    QVERIFY(open());
    auto* const presets = named<QToolButton>(panel_.get(), "Preset");
    QVERIFY(presets && presets->menu() && presets->menu()->actions().size() == 6);
    auto* const sixth = presets->menu()->actions().at(2);  // of 12 layers: the first exit alone
    sixth->trigger();
    QTRY_VERIFY(budget_->solution() && !budget_->solving() && budget_->solution()->exit_layers.size() == 1);
    // While its limits are those shown the button names it, and has room for every name.
    QCOMPARE(presets->text(), QString("DeeR-S"));
    for (auto* const action : presets->menu()->actions()) {
      action->trigger();
      const auto width = presets->fontMetrics().horizontalAdvance(presets->text());
      QVERIFY2(width <= 90, qPrintable(presets->text()));
    }
    named<QSlider>(panel_.get(), "Peak")->setValue(3);
    QCOMPARE(presets->text(), QString("Preset"));
    Theme::instance().set_mode(Theme::Mode::dark);
    QTRY_VERIFY(panel_->grab().toImage().pixelColor(2, 2).lightness() < 80);
    Theme::instance().set_mode(Theme::Mode::light);
  }
};

}  // namespace deer

DEER_SUITE(deer::BudgetPanelTest)
#include "tst_budget_panel.moc"
