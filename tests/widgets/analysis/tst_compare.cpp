// SPDX-License-Identifier: GPL-3.0-or-later
#include <QLabel>
#include <QPushButton>
#include <QTableView>
#include <QTest>
#include <cmath>

#include "core/model/model_config.h"
#include "sessions/analysis/comparison.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/scene.h"
#include "tests/widgets/support/sight.h"
#include "widgets/analysis/compare_view.h"
#include "widgets/base/number_format.h"
#include "widgets/base/series_plot.h"
#include "widgets/base/text_table.h"
#include "widgets/base/theme.h"
#include "widgets/exports/view_values.h"

namespace deer {

using test::cell;
using test::has_line;
using test::Scene;

namespace {

double arm_distance(qint64 frame, int exit_a, int exit_b) {
  double squares = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    squares += std::pow(double(Scene::arm(frame, exit_a)[i]) - double(Scene::arm(frame, exit_b)[i]), 2);
  }
  return std::sqrt(squares / 6);
}

}  // namespace

class CompareTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().set_mode(Theme::Mode::light);
    Theme::instance().apply();
  }
  void cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

  void policies_in_words();
  void two_policies_frame_by_frame();
  void the_view_shows_both();
  void another_model_keeps_the_run();
  void runs_stay_with_their_episode();
  void any_number_of_runs();

 private:
  /// Opens, runs, keeps the run and puts the deepest exit in force.
  static bool compare_with_deepest(Session* session, Comparison* comparison) {
    if (!test::open_all(session)) return false;
    comparison->kept()->keep();
    ExitPolicy policy;
    policy.criterion = Criterion::fixed_exit;
    session->set_policy(policy);
    return QTest::qWaitFor([session] {
      return session->records_current() && session->activity() == Session::Activity::idle && session->record(119) &&
             session->record(119)->exit_index == 5;
    });
  }

  Scene scene_;
  test::LogGuard log_;
};

void CompareTest::policies_in_words() {
  ExitPolicy policy;
  policy.thresholds = {0.035, -1e8, 1e8};
  QCOMPARE(describe_policy(policy, {1, 3, 5}), QString("thresholds 0.035, never, always"));
  policy.max_layer = 4;
  QCOMPARE(describe_policy(policy, {1, 3, 5}), QString("thresholds 0.035, never, always, at most 4 layers"));
  policy.criterion = Criterion::fixed_exit;
  QCOMPARE(describe_policy(policy, {1, 3, 5}), QString("always the deepest exit"));
  policy.fixed_layer = 3;
  QCOMPARE(describe_policy(policy, {1, 3, 5}), QString("always exit 2"));
  policy.fixed_layer = 2;
  QCOMPARE(describe_policy(policy, {1, 3, 5}), QString("always layer 3"));
}

void CompareTest::two_policies_frame_by_frame() {
  const auto session = scene_.session();
  Comparison comparison(session.get());
  comparison.kept()->keep();  // nothing to keep
  QVERIFY(!comparison.has_kept());
  QVERIFY(compare_with_deepest(session.get(), &comparison));
  QVERIFY(comparison.has_kept());
  ExitPolicy before;
  before.thresholds = Scene::thresholds();
  qint64 differing = 0;
  double depth = 0, difference = 0;
  QTRY_COMPARE(comparison.depth(Comparison::kNow)[119], 12.0F);
  for (qint64 frame = 0; frame < 120; ++frame) {
    const int exit = Scene::exit_taken(frame, before);
    const auto place = std::size_t(frame);
    QCOMPARE(comparison.depth(Comparison::kKept)[place], float(2 * exit + 2));
    QVERIFY(std::abs(double(comparison.difference()[place]) - arm_distance(frame, exit, 5)) < 1e-5);
    QCOMPARE(comparison.differs(frame), exit != 5);
    differing += exit != 5 ? 1 : 0;
    depth += (2 * exit + 2) / 120.0;
    difference += arm_distance(frame, exit, 5) / 120;
  }
  const auto totals = comparison.totals();
  QCOMPARE(totals.frames, qint64(120));
  QCOMPARE(totals.differing, differing);
  QVERIFY(std::abs(totals.mean_depth[Comparison::kKept] - depth) < 1e-6);
  QCOMPARE(totals.mean_depth[Comparison::kNow], 12.0);
  QVERIFY(std::abs(totals.mean_difference - difference) < 1e-6);
  QVERIFY(totals.mean_llm_gflops[Comparison::kNow] > totals.mean_llm_gflops[Comparison::kKept]);
  QCOMPARE(totals.mean_llm_gflops[Comparison::kNow],
           double(float(CostModel(ModelConfig()).llm_gflops(11, Scene::kPromptTokens))));
  // From difference to difference.
  qint64 frame = -1, seen = 0;
  while (const auto next = comparison.next_differing(frame, 1)) {
    QVERIFY(*next > frame && comparison.differs(*next));
    frame = *next;
    ++seen;
  }
  QCOMPARE(seen, differing);
  QCOMPARE(comparison.differing(3).size(), std::size_t(3));
  QVERIFY(!comparison.next_differing(comparison.differing(1)[0], -1));
  const auto table = comparison_values(comparison);
  QCOMPARE(table.columns[1].numbers[42], double(comparison.depth(Comparison::kKept)[42]));
  QCOMPARE(table.columns.back().numbers[42], comparison.differs(42) ? 1.0 : 0.0);
}

void CompareTest::the_view_shows_both() {
  const auto session = scene_.session();
  Comparison comparison(session.get());
  CompareView view(session.get(), &comparison);
  view.resize(800, 340);
  view.show();
  QVERIFY(view.is_empty());
  QVERIFY(compare_with_deepest(session.get(), &comparison));
  QTRY_VERIFY(!view.is_empty());
  session->set_current_frame(42);
  QTRY_COMPARE(cell(*view.totals(), 0, 1), QString("12.0"));
  QCOMPARE(cell(*view.totals(), 1, 0), QString("Run 1 (baseline)"));
  QCOMPARE(view.frame_text(),
           QString("frame 42: baseline exit 2, depth 4 · now exit 6, depth 12 · action differs by %1")
               .arg(format_number(double(comparison.difference()[42]))));
  const auto listed = comparison.differing(1000);
  QCOMPARE(view.frames()->rowCount(), int(listed.size()));
  QCOMPARE(cell(*view.frames(), 0, 2), QString("exit 6, depth 12"));
  // Both lines are drawn where the depths are.
  QTest::qWait(250);
  auto* const plot = view.depths();
  const auto image = plot->grab().toImage();
  const auto& colors = Theme::instance().colors();
  // The baseline is dashed: somewhere within a dash and a gap it is drawn.
  const auto line_at = [&](double depth, const QColor& color) {
    const auto x = int(plot->xAxis->coordToPixel(42.5)), y = int(plot->yAxis->coordToPixel(depth));
    for (int dx = -8; dx <= 8; ++dx) {
      if (has_line(image, {x + dx, y}, color)) return true;
    }
    return false;
  };
  QVERIFY(line_at(4, colors.text));
  QVERIFY(line_at(12, colors.text));
  QVERIFY(!line_at(8, colors.text));
  // A row of the list goes to its frame.
  const auto row = view.frames()->index(5, 0);
  QTest::mouseClick(view.frame_table()->viewport(), Qt::LeftButton, {}, view.frame_table()->visualRect(row).center());
  QCOMPARE(session->current_frame(), listed[5]);
}

void CompareTest::another_model_keeps_the_run() {
  const auto session = scene_.session();
  Comparison comparison(session.get());
  QVERIFY(test::open_all(session.get()));
  comparison.kept()->keep();
  const auto name = comparison.name(Comparison::kKept);
  QVERIFY(name.startsWith("Run 1: scene, thresholds 0.035"));
  session->open_model("another");
  QTRY_COMPARE(session->evaluated_count(), qint64(0));
  QTRY_VERIFY(session->activity() == Session::Activity::idle);
  QTRY_VERIFY(std::isnan(comparison.depth(Comparison::kNow)[42]));
  QCOMPARE(comparison.depth(Comparison::kKept)[42], 4.0F);
  QCOMPARE(comparison.totals().frames, qint64(0));
  session->run_episode();
  QTRY_COMPARE(comparison.totals().frames, qint64(120));
  QCOMPARE(comparison.totals().differing, qint64(0));
  QCOMPARE(comparison.name(Comparison::kKept), name);
}

void CompareTest::runs_stay_with_their_episode() {
  const auto session = scene_.session();
  Comparison comparison(session.get());
  QVERIFY(test::open_all(session.get()));
  comparison.kept()->keep();
  session->open_episode(1);
  QTRY_VERIFY(!comparison.has_kept());
  QVERIFY(comparison.differing(10).empty());
  session->open_episode(0);
  QTRY_VERIFY(comparison.has_kept());
  QTRY_COMPARE(comparison.depth(Comparison::kKept)[42], 4.0F);
}

void CompareTest::any_number_of_runs() {
  const auto session = scene_.session();
  Comparison comparison(session.get());
  auto* const kept = comparison.kept();
  CompareView view(session.get(), &comparison);
  view.resize(900, 400);
  view.show();
  QVERIFY(compare_with_deepest(session.get(), &comparison));
  const auto deepest = kept->keep("Deepest");
  ExitPolicy policy;
  policy.criterion = Criterion::fixed_exit;
  policy.fixed_layer = 3;
  session->set_policy(policy);
  QTRY_VERIFY(session->records_current() && session->activity() == Session::Activity::idle);
  const auto now = session->policy();
  QCOMPARE(comparison.runs(), std::size_t(2));
  QTRY_COMPARE(comparison.depth(Comparison::kNow)[0], 4.0F);
  QTRY_COMPARE(view.totals()->rowCount(), 3);
  QTRY_COMPARE(cell(*view.totals(), 0, 1), QString("4.00"));
  QTRY_COMPARE(cell(*view.totals(), 2, 1), QString("12.0"));
  QCOMPARE(cell(*view.totals(), 2, 5), QString("120 of 120"));
  QCOMPARE(view.depths()->lines().size(), std::size_t(3));
  QTRY_COMPARE(view.depths()->value(2, 60), 12.0);
  // A click on a run makes it the baseline; the policy stays.
  auto* const table = view.totals_table();
  const auto row = view.totals()->index(2, 0);
  QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(row).center());
  QCOMPARE(kept->baseline(), deepest);
  QCOMPARE(comparison.totals().differing, qint64(120));
  QTRY_COMPARE(cell(*view.totals(), 2, 0), QString("Deepest (baseline)"));
  QCOMPARE(session->policy(), now);
  // Its line has its colour.
  QTest::qWait(250);
  auto* const plot = view.depths();
  const auto image = plot->grab().toImage();
  const auto color = Theme::instance().run_color(kept->run(deepest)->color);
  const auto x = int(plot->xAxis->coordToPixel(42.5)), y = int(plot->yAxis->coordToPixel(12));
  QVERIFY(has_line(image, {x, y}, color));
  // One that is hidden is gone from everything.
  kept->set_shown(deepest, false);
  QTRY_COMPARE(view.totals()->rowCount(), 2);
  QCOMPARE(view.depths()->lines().size(), std::size_t(2));
  kept->hide_all();
  QTRY_VERIFY(view.is_empty());
}

}  // namespace deer

DEER_SUITE(deer::CompareTest)
#include "tst_compare.moc"
