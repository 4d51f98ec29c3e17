// SPDX-License-Identifier: GPL-3.0-or-later
#include <QLabel>
#include <QTest>
#include <algorithm>

#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/scene.h"
#include "widgets/base/number_format.h"
#include "widgets/timeline/timeline_data.h"
#include "widgets/timeline/timeline_legend.h"
#include "widgets/timeline/timeline_plot.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {

using test::Scene;
using Track = TimelinePlot::Track;

class TimelineRecordedTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

  void recorded_actions_arrive();
  void without_a_model_the_recorded_action_has_the_room();
  void without_any_action_there_is_no_axis();

 private:
  test::LogGuard log_;
};

void TimelineRecordedTest::recorded_actions_arrive() {
  Scene scene;
  const auto session = scene.session();
  TimelineView view(session.get());
  view.resize(900, 400);
  view.show();
  QVERIFY(test::open_episode(session.get()));
  // Without a model, and without anybody asking for frame 90 but the timeline itself.
  QTRY_VERIFY_WITH_TIMEOUT(view.recorded_value(0, 90) == float(Scene::recorded(90)[0] * 20), 10'000);
  QVERIFY(view.recorded_value(6, 90) == (Scene::recorded(90)[6] > 0 ? 1.0F : 0.0F));
}

void TimelineRecordedTest::without_a_model_the_recorded_action_has_the_room() {
  Scene scene;
  const auto session = scene.session();
  TimelineView view(session.get());
  view.resize(900, 400);
  view.show();
  QVERIFY(test::open_episode(session.get()));
  session->set_current_frame(90);
  const auto* const legend = view.findChild<TimelineLegend*>();
  const auto labels = view.findChildren<QLabel*>();
  const auto named = std::ranges::find(labels, QStringLiteral("Values of the frame"), &QWidget::accessibleName);
  QVERIFY(named != labels.end());
  const auto* const readout = *named;
  const auto expected = QStringLiteral("recorded %1").arg(format_fixed(Scene::recorded(90)[0] * 20, 1));
  QTRY_VERIFY_WITH_TIMEOUT(readout->text().contains(expected), 10'000);
  view.plot()->replot(QCustomPlot::rpImmediateRefresh);
  QVERIFY(view.plot()->track_rect(Track::action).height() > view.plot()->height() / 2);
  QVERIFY(view.plot()->track_rect(Track::depth).height() < 3);
  QVERIFY(!legend->isVisible());
  // With a model the depths have it.
  session->open_model("/models/demo");
  QTRY_VERIFY_WITH_TIMEOUT(session->model(), 10'000);
  QTRY_COMPARE(readout->text(), QStringLiteral("not evaluated"));
  view.plot()->replot(QCustomPlot::rpImmediateRefresh);
  QVERIFY(view.plot()->track_rect(Track::depth).height() > view.plot()->track_rect(Track::action).height());
  QVERIFY(legend->isVisible());
}

void TimelineRecordedTest::without_any_action_there_is_no_axis() {
  TimelineData data;
  data.reset(20, {});  // a video, and no model
  TimelinePlot plot(&data);
  plot.resize(600, 300);
  plot.set_action_dimension(0, "x, mm");
  plot.show();
  const auto* const axis = plot.axisRects().back()->axis(QCPAxis::atLeft);
  QVERIFY(!data.has_action(0) && !axis->tickLabels() && axis->label().isEmpty());
  data.set_recorded(3, std::vector<double>(7, 0.5));
  plot.data_changed();
  QVERIFY(data.has_action(0) && axis->tickLabels());
  QCOMPARE(axis->label(), QString("x, mm"));
}

}  // namespace deer

DEER_SUITE(deer::TimelineRecordedTest)

#include "tst_timeline_recorded.moc"
