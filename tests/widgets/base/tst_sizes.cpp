// SPDX-License-Identifier: GPL-3.0-or-later
// Views at the sizes that the window gives them: nothing is cut off, nothing scrolls sideways.
#include <QHeaderView>
#include <QLabel>
#include <QScrollBar>
#include <QTableView>
#include <QTest>
#include <QTreeView>

#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/scene.h"
#include "widgets/actions/action_plots.h"
#include "widgets/actions/action_view.h"
#include "widgets/analysis/latency_view.h"
#include "widgets/base/qcp.h"
#include "widgets/base/series_plot.h"
#include "widgets/base/theme.h"
#include "widgets/episodes/episode_browser.h"
#include "widgets/exits/exit_steps.h"
#include "widgets/exits/exit_steps_model.h"
#include "widgets/timeline/timeline_legend.h"
#include "widgets/timeline/timeline_plot.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {

using test::Scene;

class SizesTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().set_mode(Theme::Mode::light);
    Theme::instance().apply();
    session_ = scene_.session();
    QVERIFY(test::open_all(session_.get()));
    session_->set_current_frame(42);
  }
  void cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }
  void cleanupTestCase() { session_.reset(); }

  void six_exits_of_actions_need_no_scrolling();
  void the_exits_fit_the_left_side();
  void the_times_fit_below();
  void instructions_get_the_room_that_numbers_leave();
  void the_timeline_says_whole_numbers_data();
  void the_timeline_says_whole_numbers();
  void names_of_tracks_stay_in_their_tracks_data();
  void names_of_tracks_stay_in_their_tracks();
  void a_legend_hides_no_line_data();
  void a_legend_hides_no_line();
  void a_legend_takes_few_rows();

 private:
  template <typename View>
  void show(View* view, QSize size) {
    view->resize(size);
    view->show();
    QVERIFY(QTest::qWaitForWindowExposed(view));
    QTest::qWait(250);  // queued drawing
  }

  Scene scene_;
  std::unique_ptr<Session> session_;
  test::LogGuard log_;
};

void SizesTest::six_exits_of_actions_need_no_scrolling() {
  ActionView view(session_.get());
  show(&view, {600, 230});
  auto* const table = view.findChild<QTableView*>();
  QVERIFY(!table->horizontalScrollBar()->isVisible());
  // Each cell shows its whole number.
  const QFontMetrics metrics(Theme::number_font(Theme::instance().body_font()));
  for (int column = 0; column < table->model()->columnCount(); ++column) {
    const auto head = table->model()->headerData(column, Qt::Horizontal).toString();
    QVERIFY2(table->columnWidth(column) >= QFontMetrics(table->horizontalHeader()->font()).horizontalAdvance(head),
             qPrintable(head));
    for (int row = 0; row < table->model()->rowCount(); ++row) {
      const auto text = table->model()->index(row, column).data().toString();
      QVERIFY2(table->columnWidth(column) >= metrics.horizontalAdvance(text), qPrintable(head + ": " + text));
    }
  }
}

void SizesTest::the_exits_fit_the_left_side() {
  ExitSteps view(session_.get());
  show(&view, {254, 480});
  QVERIFY(!view.table()->horizontalScrollBar()->isVisible());
  QVERIFY(!view.table()->isColumnHidden(ExitStepsModel::kThreshold));
  view.resize(324, 480);
  QTRY_VERIFY(!view.table()->isColumnHidden(ExitStepsModel::kDecision));
  QVERIFY(!view.table()->horizontalScrollBar()->isVisible());
  view.resize(700, 480);
  QTRY_VERIFY(!view.table()->isColumnHidden(ExitStepsModel::kChange));
}

void SizesTest::the_times_fit_below() {
  LatencyView view(session_.get());
  show(&view, {640, 230});
  QVERIFY(!view.findChild<QTableView*>()->horizontalScrollBar()->isVisible());
  for (auto* const plot : view.findChildren<SeriesPlot*>()) QVERIFY(plot->axisRect()->height() >= 40);
}

void SizesTest::instructions_get_the_room_that_numbers_leave() {
  EpisodeBrowser view(session_.get());
  show(&view, {236, 240});
  const auto* const tree = view.findChild<QTreeView*>();
  for (const int column : {1, 2}) {
    const auto word = tree->model()->headerData(column, Qt::Horizontal).toString();
    const int needed = tree->fontMetrics().horizontalAdvance(word);
    QVERIFY(tree->columnWidth(column) >= needed);
    QVERIFY(tree->columnWidth(column) <= needed + 2 * spacing::kMedium);
  }
}

void SizesTest::the_timeline_says_whole_numbers_data() {
  QTest::addColumn<int>("width");
  QTest::addColumn<bool>("legend");
  QTest::newRow("1280") << 622 << false;
  QTest::newRow("1600") << 817 << true;
  QTest::newRow("1920") << 1130 << true;
}

void SizesTest::the_timeline_says_whole_numbers() {
  QFETCH(int, width);
  QFETCH(bool, legend);
  TimelineView view(session_.get());
  show(&view, {width, 320});
  const QLabel* readout = nullptr;
  for (const auto* const label : view.findChildren<QLabel*>()) {
    if (label->accessibleName() == u"Values of the frame") readout = label;
  }
  QVERIFY(readout && readout->text().contains("executed"));
  QVERIFY2(QFontMetrics(readout->font()).horizontalAdvance(readout->text()) <= readout->width(),
           qPrintable(readout->text()));
  const auto* const key = view.findChild<TimelineLegend*>();
  QCOMPARE(key->isVisible(), legend);
  if (legend) QVERIFY(key->width() >= key->least_width());
  // Narrower than the text, it is cut with a mark and whole in the tool tip.
  view.resize(330, 320);
  QTRY_VERIFY(readout->text().endsWith(QChar(0x2026)));
  QVERIFY(readout->toolTip().contains("recorded") || readout->toolTip().contains("executed"));
}

void SizesTest::names_of_tracks_stay_in_their_tracks_data() {
  QTest::addColumn<int>("height");
  for (const int height : {180, 260, 300, 420, 700}) QTest::addRow("%d", height) << height;
}

void SizesTest::names_of_tracks_stay_in_their_tracks() {
  QFETCH(int, height);
  TimelineView view(session_.get());
  show(&view, {800, height});
  int named = 0;
  for (auto* const rect : view.plot()->axisRects()) {
    const auto* const axis = rect->axis(QCPAxis::atLeft);
    if (axis->label().isEmpty() || !rect->realVisibility()) continue;
    ++named;
    const int wide = QFontMetrics(axis->labelFont()).horizontalAdvance(axis->label());
    QVERIFY2(wide <= rect->height() + spacing::kSmall, qPrintable(axis->label()));
  }
  if (height >= 300) QVERIFY(named >= 3);
}

void SizesTest::a_legend_hides_no_line_data() {
  QTest::addColumn<QSize>("size");
  QTest::newRow("wide") << QSize(660, 230);
  QTest::newRow("narrow") << QSize(300, 260);
}

void SizesTest::a_legend_hides_no_line() {
  QFETCH(QSize, size);
  ActionPlots view(session_.get());
  show(&view, size);
  int legends = 0;
  for (auto* const plot : view.findChildren<SeriesPlot*>()) {
    if (!plot->isVisible() || !plot->legend->visible()) continue;
    ++legends;
    QVERIFY(plot->legend->itemCount() >= Scene::kExits);
    QVERIFY(plot->legend->outerRect().bottom() <= plot->axisRect()->top());
    QVERIFY(plot->legend->outerRect().right() <= plot->width());
  }
  QVERIFY(legends > 0);
}

void SizesTest::a_legend_takes_few_rows() {
  SeriesPlot plot;
  plot.set_lines({{.name = "now"}, {.name = "Run 1"}, {.name = "Always the deepest exit"}});
  show(&plot, {420, 80});
  plot.replot();
  QVERIFY(plot.legend->visible());
  QCOMPARE(plot.legend->rowCount(), 1);  // the long name is not what every column needs
  show(&plot, {160, 240});
  plot.replot();
  QVERIFY(plot.legend->visible());
  QVERIFY(plot.legend->rowCount() > 1);
  for (int row = 1; row < plot.legend->rowCount(); ++row) {
    QVERIFY(plot.legend->element(row, 0)->outerRect().top() >= plot.legend->element(row - 1, 0)->outerRect().bottom());
  }
  show(&plot, {160, 80});  // the lines need the room
  QVERIFY(!plot.legend->visible());
}

}  // namespace deer

DEER_SUITE(deer::SizesTest)

#include "tst_sizes.moc"
