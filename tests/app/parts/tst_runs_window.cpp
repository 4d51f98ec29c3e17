// SPDX-License-Identifier: GPL-3.0-or-later
#include <QDockWidget>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QTableView>
#include <QTest>
#include <QToolButton>

#include "app/gui/bars/message_bar.h"
#include "app/gui/parts/compare_part.h"
#include "app/gui/parts/runs_part.h"
#include "tests/app/window/window_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "widgets/analysis/compare_view.h"
#include "widgets/analysis/runs_model.h"
#include "widgets/analysis/runs_view.h"
#include "widgets/base/text_table.h"
#include "widgets/base/theme.h"
#include "widgets/timeline/timeline_plot.h"
#include "widgets/timeline/timeline_view.h"

namespace deer::test {
namespace {

struct RunsFixture : WindowFixture {
  RunsFixture() : WindowFixture({1600, 1000}) {}

  RunsView* view() const { return window->runs()->view(); }
  KeptRuns* kept() const { return view()->model()->kept(); }
  QString cell(int row, int column) const { return view()->model()->index(row, column).data().toString(); }
  QRect place(int row, int column) const { return view()->table()->visualRect(view()->model()->index(row, column)); }
  void click(int row, int column) {
    QTest::mouseClick(view()->table()->viewport(), Qt::LeftButton, {}, place(row, column).center());
  }
  void click_check_box(int row) {
    QTest::mouseClick(view()->table()->viewport(), Qt::LeftButton, {},
                      place(row, RunsModel::kName).topLeft() + QPoint(12, place(row, 0).height() / 2));
  }
  bool set_fixed(std::optional<int> layer) {
    ExitPolicy policy;
    policy.criterion = Criterion::fixed_exit;
    policy.fixed_layer = layer;
    session.set_policy(policy);
    return QTest::qWaitFor([this] { return idle() && session.records_current(); }, kPatienceMs);
  }
  QLineEdit* editor() const { return view()->table()->findChild<QLineEdit*>(); }
  /// Pixels of a colour in the depth track.
  int drawn(const QColor& color) {
    settle();
    auto* const plot = window->findChild<TimelinePlot*>();
    const auto picture = plot->grab(plot->track_rect(TimelinePlot::Track::depth)).toImage();
    int count = 0;
    for (int y = 0; y < picture.height(); ++y) {
      for (int x = 0; x < picture.width(); ++x) count += picture.pixelColor(x, y) == color ? 1 : 0;
    }
    return count;
  }
};

}  // namespace

class RunsWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() { QCOMPARE(guard_->unexpected(), QStringList()); }

  void a_run_is_kept_by_keys_under_a_name();
  void runs_are_shown_over_the_timeline_and_in_compare();
  void a_run_is_removed_after_a_question();
  void a_what_if_leaves_the_policy_alone();
  void what_goes_wrong_is_in_the_window();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void RunsWindowTest::a_run_is_kept_by_keys_under_a_name() {
  RunsFixture f;
  QVERIFY(f.open_and_run());
  f.window->activateWindow();
  QVERIFY(QTest::qWaitForWindowActive(f.window.get()));
  auto* const button = control<QToolButton>(f.window.get(), "Runs");
  QVERIFY(button && !f.view()->isVisible());
  QTest::mouseClick(button, Qt::LeftButton);
  QTRY_VERIFY(f.view()->isVisible());
  QCOMPARE(f.cell(0, RunsModel::kName), QString("Current run"));
  QCOMPARE(f.view()->model()->rowCount(), 1);
  QTest::keyClick(f.window.get(), Qt::Key_K, Qt::ControlModifier | Qt::AltModifier);
  QTRY_COMPARE(f.view()->model()->rowCount(), 2);
  QTRY_VERIFY(f.editor() && f.editor()->isVisible());
  QCOMPARE(f.editor()->text(), QString("Run 1"));
  QTest::keyClicks(f.editor(), "before lunch");
  QTest::keyClick(f.editor(), Qt::Key_Return);
  QTRY_COMPARE(f.cell(1, RunsModel::kName), QString("before lunch"));
  QTRY_COMPARE(f.cell(1, RunsModel::kDepth), f.cell(0, RunsModel::kDepth));
  QTRY_COMPARE(f.cell(1, RunsModel::kDistance), f.cell(0, RunsModel::kDistance));
  QCOMPARE(f.cell(1, RunsModel::kSaving), f.cell(0, RunsModel::kSaving));
  // The button of the panel does the same.
  auto* const keep = control<QPushButton>(f.view(), "Keep the current run");
  QVERIFY(keep && keep->isEnabled());
  QTest::mouseClick(keep, Qt::LeftButton);
  QTRY_COMPARE(f.view()->model()->rowCount(), 3);
}

void RunsWindowTest::runs_are_shown_over_the_timeline_and_in_compare() {
  RunsFixture f;
  QVERIFY(f.open_and_run());
  auto* const kept = f.kept();
  QVERIFY(f.window->commands()->trigger("runs.show"));
  QTRY_VERIFY(f.view()->isVisible());
  QVERIFY(f.set_fixed(std::nullopt));
  const auto deepest = kept->keep("deepest");
  kept->set_color(deepest, 1);
  QVERIFY(f.set_fixed(f.session.model()->exit_layers.front()));
  const auto shallow = kept->keep("shallow");
  kept->set_color(shallow, 3);
  const auto policy = f.session.policy();
  const auto pink = Theme::instance().run_color(1), blue = Theme::instance().run_color(3);
  QVERIFY(f.drawn(pink) > 100);
  QVERIFY(f.drawn(blue) > 100);
  f.click_check_box(1);
  QVERIFY(!kept->run(deepest)->shown);
  QCOMPARE(f.drawn(pink), 0);
  QVERIFY(f.drawn(blue) > 100);
  f.click_check_box(1);
  QVERIFY(kept->run(deepest)->shown);
  // The baseline is chosen by a click; Compare has a row for each.
  QCOMPARE(kept->baseline(), deepest);
  f.click(2, RunsModel::kBaseline);
  QCOMPARE(kept->baseline(), shallow);
  QCOMPARE(f.cell(2, RunsModel::kBaseline), QString("●"));
  QCOMPARE(f.cell(1, RunsModel::kBaseline), QString("○"));
  f.window->compare()->show_panel();
  auto* const compare = f.window->compare()->view();
  QTRY_VERIFY(compare->isVisible() && !compare->is_empty());
  QTRY_COMPARE(compare->totals()->rowCount(), 3);
  QCOMPARE(f.session.policy(), policy);
  QVERIFY(f.window->commands()->trigger("compare.forget"));
  QTRY_VERIFY(compare->is_empty());
  QCOMPARE(f.view()->model()->rowCount(), 3);  // they stay in the list
  QCOMPARE(f.drawn(blue), 0);
  // A colour is chosen from a menu.
  QVERIFY(f.window->commands()->trigger("runs.show"));
  QTRY_VERIFY(f.view()->isVisible());
  f.click(2, RunsModel::kColor);
  QMenu* menu = nullptr;
  QTRY_VERIFY((menu = qobject_cast<QMenu*>(QApplication::activePopupWidget())));
  QTest::mouseClick(menu, Qt::LeftButton, {}, menu->actionGeometry(menu->actions()[5]).center());
  QTRY_COMPARE(kept->run(shallow)->color, 5);
}

void RunsWindowTest::a_run_is_removed_after_a_question() {
  RunsFixture f;
  QVERIFY(f.open_and_run());
  QVERIFY(f.window->commands()->trigger("runs.show"));
  QTRY_VERIFY(f.view()->isVisible());
  f.kept()->keep("doomed");
  QString asked;
  bool answer = false;
  f.window->runs()->set_question([&](const QString& name) {
    asked = name;
    return answer;
  });
  QTRY_COMPARE(f.view()->model()->rowCount(), 2);
  f.click(1, RunsModel::kDetails);
  QTest::keyClick(f.view()->table(), Qt::Key_Delete);
  QCOMPARE(asked, QString("doomed"));
  QCOMPARE(f.view()->model()->rowCount(), 2);
  answer = true;
  auto* const remove = control<QPushButton>(f.view(), "Remove the selected run");
  QVERIFY(remove && remove->isEnabled());
  QTest::mouseClick(remove, Qt::LeftButton);
  QTRY_COMPARE(f.view()->model()->rowCount(), 1);
  QVERIFY(!remove->isEnabled());
}

void RunsWindowTest::a_what_if_leaves_the_policy_alone() {
  RunsFixture f;
  QVERIFY(f.open_and_run());
  const auto policy = f.session.policy();
  QVERIFY(f.window->commands()->trigger("compare.deepest"));
  QTRY_VERIFY(f.window->compare()->comparing());
  QVERIFY(f.window->commands()->trigger("compare.deepest"));  // the same again
  f.settle();
  QCOMPARE(f.kept()->listed().size(), std::size_t(1));
  QCOMPARE(f.kept()->listed()[0]->name, QString("Always the deepest exit"));
  QCOMPARE(f.session.policy(), policy);
}

void RunsWindowTest::what_goes_wrong_is_in_the_window() {
  RunsFixture f;
  QVERIFY(f.open_and_run());
  QFile file(f.folder.filePath("file"));
  QVERIFY(file.open(QIODevice::WriteOnly));
  f.kept()->keep_in(file.fileName().toStdString());
  f.window->messages()->dismiss_all();
  f.kept()->keep("precious");
  QTRY_COMPARE(f.window->messages()->count(), std::size_t(1));
  QCOMPARE(f.window->messages()->title(), QString("The run “precious” could not be saved"));
}

}  // namespace deer::test

DEER_SUITE(deer::test::RunsWindowTest)
#include "tst_runs_window.moc"
