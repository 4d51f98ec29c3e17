// SPDX-License-Identifier: GPL-3.0-or-later
#include <QDockWidget>
#include <QTest>
#include <QToolButton>
#include <cmath>

#include "app/gui/bars/headline.h"
#include "app/gui/start/demo.h"
#include "app/gui/window/panel_rail.h"
#include "sessions/analysis/run_tally.h"
#include "tests/app/window/window_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "widgets/base/number_format.h"
#include "widgets/budget/policy_panel.h"
#include "widgets/cameras/camera_view.h"
#include "widgets/exits/exit_histogram.h"
#include "widgets/exits/run_result.h"
#include "widgets/timeline/timeline_plot.h"

namespace deer::test {
namespace {

QDockWidget* panel(const WindowFixture& f, const char* name) {
  return f.window->findChild<QDockWidget*>(QStringLiteral("dock_") + QLatin1String(name));
}

bool in_front(const QDockWidget* dock) { return dock->isVisible() && !dock->visibleRegion().isEmpty(); }

QToolButton* rail_button(const WindowFixture& f, const QString& text) {
  for (auto* const button : f.window->findChild<PanelRail*>()->findChildren<QToolButton*>()) {
    if (button->accessibleName() == text) return button;
  }
  return nullptr;
}

}  // namespace

class FirstSightTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() {
    QCOMPARE(guard_->unexpected(), QStringList());
    guard_.reset();
  }
  void the_depth_track_dominates_data();
  void the_depth_track_dominates();
  void the_result_is_said_in_words();
  void the_rail_shows_and_hides_panels();
  void the_headline_tells_the_pointer_from_the_frame();
  void pages_of_the_policy_are_commands();
  void the_demo_is_shown_where_it_is_deepest();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void FirstSightTest::the_depth_track_dominates_data() {
  QTest::addColumn<QSize>("size");
  QTest::addColumn<int>("least");  // px of the depth track
  QTest::newRow("1600x1000") << QSize(1600, 1000) << 1000 / 7;
  QTest::newRow("1280x800") << QSize(1280, 800) << 96;
  QTest::newRow("1200x700") << QSize(1200, 700) << 96;
}

void FirstSightTest::the_depth_track_dominates() {
  QFETCH(QSize, size);
  QFETCH(int, least);
  WindowFixture f(size);
  QVERIFY(f.open_and_run());
  f.settle();
  const auto* const plot = f.window->findChild<TimelinePlot*>();
  const auto height = [plot](TimelinePlot::Track track) { return plot->track_rect(track).height(); };
  const int depth = height(TimelinePlot::Track::depth);
  QVERIFY2(depth >= least, qPrintable(QString::number(depth)));
  for (const auto other : {TimelinePlot::Track::delta, TimelinePlot::Track::regret, TimelinePlot::Track::action}) {
    QVERIFY(depth > height(other));
  }
  // Both cameras in one row, equally high.
  const auto cameras = f.window->findChildren<CameraView*>();
  QCOMPARE(cameras.size(), 2);
  const auto top = [&](const QWidget* view) { return view->mapTo(f.window.get(), QPoint()).y(); };
  QCOMPARE(cameras[0]->height(), cameras[1]->height());
  QCOMPARE(top(cameras[0]), top(cameras[1]));
  QVERIFY(std::abs(cameras[0]->picture_rect().height() - cameras[1]->picture_rect().height()) <= 2);
}

void FirstSightTest::the_result_is_said_in_words() {
  WindowFixture f;
  QVERIFY(f.open());
  auto* const result = f.window->findChild<PolicyPanel*>()->result();
  QVERIFY(result->isVisible());
  QCOMPARE(result->basis_text(), QStringLiteral("run the model to see the effect of this policy"));
  QCOMPARE(result->saving_text(), QString());
  f.session.run_episode();
  QVERIFY(f.wait_idle());
  const auto* const tally = RunTally::of(&f.session);
  QTRY_COMPARE(tally->evaluated(), f.session.frame_count());
  double depth = 0, distance = 0;
  for (qint64 frame = 0; frame < f.session.frame_count(); ++frame) {
    const auto record = f.session.record(frame);
    depth += record->depth();
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const double moved = 20.0 * (double(record->action[i]) - double(record->exits.back().action[i]));  // mm
      sum += moved * moved;
    }
    distance += std::sqrt(sum);
  }
  depth /= double(f.session.frame_count());
  distance /= double(f.session.frame_count());
  QVERIFY(std::abs(tally->mean_distance() - distance) < 1e-4 * (1 + distance));
  QCOMPARE(tally->distance_unit(), QStringLiteral("mm"));
  QTRY_COMPARE(result->depth_text(),
               QStringLiteral("Mean depth %1 of %2").arg(format_short(depth)).arg(f.session.model()->layers));
  const auto away = QStringLiteral("%1 from the deepest exit");
  QTRY_VERIFY(result->saving_text().endsWith(away.arg(format_quantity(distance, QStringLiteral("mm"), 2))));
  QVERIFY2(result->saving_text().contains(QStringLiteral("× ")), qPrintable(result->saving_text()));
  QCOMPARE(result->histogram()->counts(), tally->by_exit());
}

void FirstSightTest::the_rail_shows_and_hides_panels() {
  WindowFixture f({1600, 1000});
  QVERIFY(!f.window->findChild<PanelRail*>()->isVisible());  // nothing is open
  QVERIFY(f.open());
  QVERIFY(f.window->findChild<PanelRail*>()->isVisible());
  auto* const episodes = rail_button(f, "Episodes");
  QVERIFY(episodes && !episodes->isChecked() && panel(f, "episodes")->isHidden());
  QTest::mouseClick(episodes, Qt::LeftButton);
  QVERIFY(episodes->isChecked() && panel(f, "episodes")->isVisible());
  QTest::mouseClick(episodes, Qt::LeftButton);
  QVERIFY(!episodes->isChecked() && panel(f, "episodes")->isHidden());

  auto* const policy = rail_button(f, "Policy");
  QVERIFY(policy->isChecked());
  panel(f, "policy")->close();  // by its own button
  QVERIFY(!policy->isChecked());

  // The analyses come back as they were left.
  auto* const analyses = rail_button(f, "Analyses");
  QTest::mouseClick(analyses, Qt::LeftButton);
  f.settle();
  QVERIFY(in_front(panel(f, "action_plots")));
  panel(f, "latency")->raise();
  f.settle();
  QVERIFY(in_front(panel(f, "latency")));
  QTest::mouseClick(analyses, Qt::LeftButton);
  f.settle();
  QVERIFY(panel(f, "latency")->isHidden() && panel(f, "action_plots")->isHidden());
  QTest::mouseClick(analyses, Qt::LeftButton);
  f.settle();
  QVERIFY(in_front(panel(f, "latency")));
}

void FirstSightTest::the_headline_tells_the_pointer_from_the_frame() {
  WindowFixture f;
  QVERIFY(f.open_and_run());
  f.session.set_current_frame(12);
  const auto* const headline = f.window->findChild<Headline*>();
  QCOMPARE(headline->frame_text(), QStringLiteral("frame 12"));
  f.session.selection()->set_hovered_frame(30);
  QCOMPARE(headline->frame_text(), QStringLiteral("pointer at frame 30"));
  QCOMPARE(headline->exit_text(), QStringLiteral("exit %1").arg(f.session.record(30)->exit_index + 1));
  f.session.set_current_frame(13);
  QCOMPARE(headline->frame_text(), QStringLiteral("frame 13"));
}

void FirstSightTest::pages_of_the_policy_are_commands() {
  WindowFixture f;
  QVERIFY(f.open());
  const auto* const policy = f.window->findChild<PolicyPanel*>();
  panel(f, "policy")->hide();
  QVERIFY(f.window->commands()->trigger("panel.thresholds"));
  QVERIFY(panel(f, "policy")->isVisible());
  QCOMPARE(policy->page(), PolicyPanel::Page::thresholds);
  QVERIFY(f.window->commands()->trigger("panel.budget"));
  QCOMPARE(policy->page(), PolicyPanel::Page::budget);
}

void FirstSightTest::the_demo_is_shown_where_it_is_deepest() {
  WindowFixture f;
  QVERIFY(f.open());
  const auto complete = [&f] { return f.idle() && f.session.evaluated_count() == f.session.frame_count(); };
  const auto open_and_run = [&f](const char* path) {
    show_deepest_when_run(&f.session);
    f.session.open_source(path);
    if (!QTest::qWaitFor([&f] { return f.idle() && f.session.evaluated_count() == 0; }, 10'000)) return false;
    auto policy = f.session.policy();
    policy.thresholds.assign(policy.thresholds.size(), kAlwaysLeave);
    policy.forced_layers = {{7, 7}, {9, 7}};
    f.session.set_policy(policy);
    f.session.run_episode();
    return true;
  };
  QVERIFY(open_and_run("/data/task_A"));
  QTRY_VERIFY(complete());
  QTRY_COMPARE(f.session.current_frame(), 9);  // the last of them
  // Not if somebody has gone elsewhere meanwhile.
  f.control->step_ms = 5;
  QVERIFY(open_and_run("/data/task_B"));
  QTRY_VERIFY(f.session.activity() == Session::Activity::running && f.session.evaluated_count() > 0);
  f.session.set_current_frame(3);
  QTRY_VERIFY(complete());
  QTest::qWait(50);
  QCOMPARE(f.session.current_frame(), 3);
}

}  // namespace deer::test

DEER_SUITE(deer::test::FirstSightTest)
#include "tst_first_sight.moc"
