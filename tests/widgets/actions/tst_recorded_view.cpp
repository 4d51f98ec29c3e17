// SPDX-License-Identifier: GPL-3.0-or-later
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QTest>
#include <cmath>

#include "sessions/series/recorded_columns.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/recorded_dataset.h"
#include "widgets/actions/recorded_view.h"
#include "widgets/base/empty_state.h"
#include "widgets/base/series_plot.h"

using namespace deer;
using namespace deer::test;

namespace {

constexpr int kRecordedPatienceMs = 20'000;

RecordingSchema wide(std::size_t joints) {
  RecordingSchema out;
  RecordedSeries action{"action", {}}, state{"observation.state", {}};
  for (std::size_t i = 0; i < joints; ++i) action.columns.push_back("joint " + std::to_string(i));
  state.columns = action.columns;
  action.columns.push_back("base speed");
  state.columns.push_back("battery");
  out.series = {action, state};
  return out;
}

struct RecordedFixture {
  explicit RecordedFixture(RecordingSchema schema)
      : session(EngineFactory(), MadeRecording::opener(std::move(schema))) {
    view.resize(800, 500);
    view.show();
    shown = QTest::qWaitForWindowExposed(&view);
  }
  bool open() {
    session.open_source("/data/made");
    return QTest::qWaitFor([&] { return !view.plots().empty(); }, kRecordedPatienceMs);
  }
  bool wait(const std::function<bool()>& done) { return QTest::qWaitFor(done, kRecordedPatienceMs); }
  QPushButton* button(const QString& name) {
    for (auto* const one : view.findChildren<QPushButton*>()) {
      if (one->accessibleName() == name) return one;
    }
    return nullptr;
  }

  Session session;
  RecordedView view{&session};
  bool shown = false;
};

}  // namespace

class RecordedViewTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void states_and_actions_of_one_name_share_a_plot() {
    RecordedFixture f(wide(6));
    QVERIFY(f.shown);
    QVERIFY(f.view.findChild<EmptyState*>()->isVisible());
    QVERIFY(f.open());
    QCOMPARE(f.view.list()->count(), 8);  // six joints, the battery and the base's speed
    QCOMPARE(f.view.plots().size(), std::size_t(RecordedView::kChecked));
    auto* const plot = f.view.plots()[1];
    QCOMPARE(plot->lines().size(), std::size_t(2));
    QVERIFY(f.wait([&] { return std::isfinite(plot->value(0, 29)); }));
    QVERIFY(std::abs(plot->value(0, 29) - (10 + 2.9)) < 1e-4);   // action
    QVERIFY(std::abs(plot->value(1, 29) - (110 + 2.9)) < 1e-4);  // state
    QCOMPARE(f.view.list()->item(6)->text(), QStringLiteral("battery"));
    QCOMPARE(f.view.list()->item(6)->toolTip(), QStringLiteral("battery\nState"));
    QVERIFY(f.view.list()->item(7)->toolTip().endsWith(QStringLiteral("\nAction")));
  }

  void what_is_checked_is_shown() {
    RecordedFixture f(wide(6));
    QVERIFY(f.open());
    f.view.list()->item(0)->setCheckState(Qt::Unchecked);
    f.view.list()->item(7)->setCheckState(Qt::Checked);
    QCOMPARE(f.view.plots().size(), std::size_t(4));
    auto* const last = f.view.plots().back();
    QCOMPARE(last->lines().size(), std::size_t(1));
    QVERIFY(f.wait([&] { return std::abs(last->value(0, 0) - 60) < 1e-4; }));
    QVERIFY(last->accessibleName().contains("base speed"));
    f.button("Show no column")->click();
    QVERIFY(f.view.plots().empty());
    QTest::keyClicks(f.view.filter(), "joint");
    f.button("Show all columns of the list")->click();
    QCOMPARE(f.view.plots().size(), std::size_t(6));
    // A click goes to the frame.
    auto* const plot = f.view.plots().front();
    QVERIFY(f.wait([&] { return plot->xAxis->range().upper > 20; }));
    QTest::mouseClick(plot, Qt::LeftButton, {},
                      QPoint(static_cast<int>(plot->xAxis->coordToPixel(17)), plot->height() / 2));
    QVERIFY(f.wait([&] { return std::abs(f.session.current_frame() - 17) <= 1; }));
  }

  void any_width() {
    RecordedFixture f(wide(250));
    QVERIFY(f.open());
    QCOMPARE(f.view.list()->count(), 252);
    f.button("Show all columns of the list")->click();
    QCOMPARE(f.view.plots().size(), std::size_t(RecordedView::kMostPlots));
    // An action too wide for a layout has no names; it is there all the same.
    RecordedFixture g(wide(300));
    QVERIFY(g.open());
    QCOMPARE(g.view.list()->count(), 602);
    QCOMPARE(g.view.list()->item(601)->text(), QStringLiteral("action 301"));
  }

  void a_recording_without_numbers_says_so() {
    RecordingSchema pictures;
    pictures.cameras = {{"front", 32, 24}};
    RecordedFixture f(pictures);
    f.session.open_source("/data/made");
    QVERIFY(f.wait([&] { return f.view.findChild<EmptyState*>()->sentence().contains("no states and actions"); }));
  }

  void calvin_s_numbers_have_names() {
    Observation seen;
    seen.robot_obs.emplace().fill(0.5);
    seen.rel_action.emplace().fill(0.25);
    const auto columns = recorded_columns({}, seen);
    QCOMPARE(columns.size(), std::size_t(22));
    QCOMPARE(columns[7].name, QStringLiteral("joint 1"));
    QCOMPARE(columns[7].unit, QStringLiteral("rad"));
    QCOMPARE(columns[15].state, RecordedColumn::kNone);
    QCOMPARE(recorded_state(columns[3], seen), 0.5F);
    QCOMPARE(recorded_action(columns[15], seen), 0.25F);
    QVERIFY(std::isnan(recorded_action(columns[3], seen)));
  }
};

DEER_SUITE(RecordedViewTest)
#include "tst_recorded_view.moc"
