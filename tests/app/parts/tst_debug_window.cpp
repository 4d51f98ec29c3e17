// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDockWidget>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTableView>
#include <QTest>
#include <QTranslator>

#include "app/gui/bars/message_bar.h"
#include "app/gui/bars/toast.h"
#include "app/gui/parts/debug_part.h"
#include "sessions/analysis/budget.h"
#include "sessions/analysis/threshold_flips.h"
#include "sessions/debug/debugger.h"
#include "sessions/debug/episode_marks.h"
#include "sessions/frames/playback.h"
#include "tests/app/window/window_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "widgets/base/number_format.h"
#include "widgets/base/text_table.h"
#include "widgets/base/theme.h"
#include "widgets/debug/breakpoint_model.h"
#include "widgets/debug/breakpoint_panel.h"
#include "widgets/debug/event_log.h"
#include "widgets/debug/event_model.h"
#include "widgets/debug/expression_edit.h"
#include "widgets/debug/intervention_panel.h"
#include "widgets/debug/watch_model.h"
#include "widgets/debug/watch_panel.h"
#include "widgets/debug/what_if_models.h"
#include "widgets/debug/what_if_panel.h"
#include "widgets/exits/exit_details.h"
#include "widgets/timeline/timeline_plot.h"

namespace deer::test {
namespace {

/// Another language: every text in capitals.
class Capitals : public QTranslator {
 public:
  QString translate(const char*, const char* text, const char*, int) const override {
    return QString::fromUtf8(text).toUpper();
  }
  bool isEmpty() const override { return false; }
};

struct DebugFixture : WindowFixture {
  DebugFixture() : WindowFixture({1600, 1000}) {}

  bool open_and_scan() {
    if (!open_and_run()) return false;
    auto policy = session.policy();
    policy.thresholds = {0.1, 0.05, 0.05, 0.05};  // several exits are taken
    session.set_policy(policy);
    if (!wait_idle()) return false;
    window->messages()->dismiss_all();
    return scanned();
  }
  bool scanned() {
    return QTest::qWaitFor([this] { return !debugger()->scanning(); }, kPatienceMs);
  }
  Debugger* debugger() const { return window->debug()->debugger(); }
  template <typename T>
  T* view() const {
    return window->findChild<T*>();
  }
  bool trigger(const char* id) const { return window->commands()->trigger(QString::fromLatin1(id)); }
  TimelinePlot* plot() const { return view<TimelinePlot>(); }

  /// How many pixels of a track, within three of a frame's middle, are of this colour.
  int marks(TimelinePlot::Track track, qint64 frame, const QColor& color) {
    settle();
    const auto image = plot()->grab().toImage();
    const auto area = plot()->track_rect(track);
    const auto x = static_cast<int>(plot()->x_of(frame));
    int count = 0;
    for (int dx = -3; dx <= 3; ++dx) {
      for (int y = area.top(); y <= area.bottom(); ++y) {
        const auto pixel = image.pixelColor(x + dx, y);
        count += std::abs(pixel.red() - color.red()) + std::abs(pixel.green() - color.green()) +
                             std::abs(pixel.blue() - color.blue()) <
                         40
                     ? 1
                     : 0;
      }
    }
    return count;
  }
};

}  // namespace

class DebugWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() {
    QCOMPARE(guard_->unexpected(), QStringList());
    guard_.reset();
  }

  void a_breakpoint_is_written_marked_and_stops();
  void a_wrong_condition_is_said_in_place();
  void watches_show_values_and_course();
  void the_log_lists_filters_jumps_and_copies();
  void the_inspector_steps_into_exits();
  void forced_exits_are_shown_and_undone();
  void flips_are_listed_and_jumped_to();
  void interventions_compare_every_exit();
  void frozen_thresholds_stay();
  void bookmarks_loop_and_snapping();
  void setup_survives_a_restart();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void DebugWindowTest::a_breakpoint_is_written_marked_and_stops() {
  DebugFixture f;
  QVERIFY(f.open_and_scan());
  QVERIFY(f.trigger("debug.breakpoints"));
  auto* const panel = f.view<BreakpointPanel>();
  QVERIFY(panel->isVisible());
  const QAbstractItemModelTester tester(panel->model(), QAbstractItemModelTester::FailureReportingMode::QtTest);
  QTest::keyClicks(panel->edit()->line(), "frame == 25");
  QTest::keyClick(panel->edit()->line(), Qt::Key_Return);
  QVERIFY(f.scanned());
  QCOMPARE(panel->model()->rowCount(), 1);
  QCOMPARE(panel->model()->index(0, BreakpointModel::kFrames).data().toString(), QStringLiteral("1"));
  const auto& colors = Theme::instance().colors();
  QVERIFY(f.marks(TimelinePlot::Track::events, 25, colors.error) > 10);
  QVERIFY(f.marks(TimelinePlot::Track::events, 30, colors.error) == 0);
  QVERIFY(f.session.current_frame() == 0);
  f.session.playback()->set_speed(4);
  QVERIFY(f.trigger("playback.toggle"));
  QVERIFY(QTest::qWaitFor([&] { return !f.session.playback()->playing(); }, kPatienceMs));
  QCOMPARE(f.session.current_frame(), 25);
  QCOMPARE(f.window->messages()->toast()->title(), QStringLiteral("Stopped at a breakpoint"));
  QVERIFY(f.window->messages()->toast()->details().contains("Frame 25, breakpoint 1: frame == 25"));
  f.session.playback()->play();
  QCOMPARE(f.window->messages()->count(), std::size_t(0));
  f.session.playback()->pause();
  // Off: no mark, no stop.
  QVERIFY(panel->model()->setData(panel->model()->index(0, 0), Qt::Unchecked, Qt::CheckStateRole));
  QCOMPARE(f.marks(TimelinePlot::Track::events, 25, colors.error), 0);
  QVERIFY(f.trigger("debug.breakpoints_on"));
  f.session.set_current_frame(0);
  QVERIFY(f.trigger("debug.next_hit"));
  QCOMPARE(f.session.current_frame(), 25);
  QVERIFY(f.trigger("debug.next_hit"));
  QCOMPARE(f.window->messages()->toast()->title(), QStringLiteral("Nothing found"));
  panel->model()->remove(0);
  QCOMPARE(panel->model()->rowCount(), 0);
}

void DebugWindowTest::a_wrong_condition_is_said_in_place() {
  DebugFixture f;
  QVERIFY(f.open_and_scan());
  QVERIFY(f.trigger("debug.breakpoints"));
  auto* const panel = f.view<BreakpointPanel>();
  QTest::keyClicks(panel->edit()->line(), "depth > fo");
  QTest::keyClick(panel->edit()->line(), Qt::Key_Return);
  QCOMPARE(panel->model()->rowCount(), 0);
  QCOMPARE(panel->edit()->error(), QStringLiteral("'fo' is unknown (character 9)"));
  QTest::keyClick(panel->edit()->line(), Qt::Key_Backspace);
  QCOMPARE(panel->edit()->error(), QString());
  panel->model()->add("depth > 2");
  QVERIFY(panel->model()->setData(panel->model()->index(0, 0), "depth >", Qt::EditRole));
  const auto cell = panel->model()->index(0, BreakpointModel::kFrames);
  QCOMPARE(cell.data().toString(), QStringLiteral("the expression is incomplete (character 8)"));
  QCOMPARE(cell.data(Qt::ForegroundRole).value<QColor>(), Theme::instance().colors().error);
}

void DebugWindowTest::watches_show_values_and_course() {
  DebugFixture f;
  QVERIFY(f.open_and_scan());
  QVERIFY(f.trigger("debug.watches"));
  auto* const panel = f.view<WatchPanel>();
  const QAbstractItemModelTester tester(panel->model(), QAbstractItemModelTester::FailureReportingMode::QtTest);
  QTest::keyClicks(panel->edit()->line(), "depth * 10");
  QTest::keyClick(panel->edit()->line(), Qt::Key_Return);
  QVERIFY(f.scanned());
  f.session.set_current_frame(30);
  QCOMPARE(panel->model()->index(0, WatchModel::kValue).data().toString(),
           format_short(f.session.record(30)->depth() * 10));
  f.session.selection()->set_hovered_frame(7);
  QCOMPARE(panel->model()->index(0, WatchModel::kValue).data().toString(),
           format_short(f.session.record(7)->depth() * 10));
  f.session.selection()->set_hovered_frame(-1);
  f.settle();
  // The course has ink, and the cursor stands at half.
  const auto cell = panel->table()->visualRect(panel->model()->index(0, WatchModel::kCourse));
  const auto image = panel->table()->viewport()->grab(cell).toImage();
  int ink = 0, cursor = 0;
  for (int x = 0; x < image.width(); ++x) {
    for (int y = 0; y < image.height(); ++y) {
      const auto pixel = image.pixelColor(x, y);
      ink += pixel == Theme::instance().colors().text ? 1 : 0;
      if (pixel == Theme::instance().colors().accent) cursor = x;
    }
  }
  QVERIFY(ink > image.width() / 2);
  QVERIFY(std::abs(cursor - image.width() / 2) < image.width() / 20);
}

void DebugWindowTest::the_log_lists_filters_jumps_and_copies() {
  DebugFixture f;
  QVERIFY(f.open_and_scan());
  auto policy = f.session.policy();
  policy.thresholds[0] = 0.3;
  f.session.set_policy(policy);
  QVERIFY(f.wait_idle() && f.scanned());
  QVERIFY(f.trigger("debug.events"));
  auto* const log = f.view<EventLog>();
  QVERIFY(log->isVisible());
  f.settle();
  const QAbstractItemModelTester tester(log->model(), QAbstractItemModelTester::FailureReportingMode::QtTest);
  log->model()->set_kinds(kind_bit(FrameEventKind::exit_change));
  const auto changes = f.debugger()->exit_changes().members();
  QVERIFY(changes.size() > 2);
  QCOMPARE(log->model()->rowCount(), int(changes.size()));
  QVERIFY(log->count_text().startsWith(QString::number(changes.size())));
  const auto now = f.session.record(changes[1]), before = f.session.record(changes[1] - 1);
  QCOMPARE(log->model()->index(1, EventModel::kWhat).data().toString(),
           QStringLiteral("%1 → %2").arg(before->exit_index + 1).arg(now->exit_index + 1));
  QTest::mouseClick(log->table()->viewport(), Qt::LeftButton, {},
                    log->table()->visualRect(log->model()->index(1, 0)).center());
  QCOMPARE(f.session.current_frame(), changes[1]);
  log->table()->selectRow(0);
  // Programs read the file: it is the same in every language.
  Capitals capitals;
  QCoreApplication::installTranslator(&capitals);
  QCOMPARE(EventModel::kind_name(FrameEventKind::exit_change), QStringLiteral("EXIT CHANGE"));
  log->copy();
  QCoreApplication::removeTranslator(&capitals);
  const auto lines = QApplication::clipboard()->text().split(u'\n', Qt::SkipEmptyParts);
  QCOMPARE(lines.size(), 2);
  QCOMPARE(lines[0], QStringLiteral("frame,kind,what"));
  QVERIFY(lines[1].startsWith(QString::number(changes[0]) + ",exit change,\"exit "));
  QTemporaryDir folder;
  QString saved;
  connect(log, &EventLog::csv_saved, this, [&](const QString& path) { saved = path; });
  log->save_csv(folder.filePath("events.csv"));
  QVERIFY(QTest::qWaitFor([&] { return !saved.isEmpty(); }, kPatienceMs));
  QFile file(saved);
  QVERIFY(file.open(QFile::ReadOnly));
  QCOMPARE(file.readAll().count('\n'), qsizetype(changes.size() + 1));
  f.window->messages()->dismiss_all();
  log->save_csv("/no/such/folder/events.csv");
  QTRY_COMPARE(f.window->messages()->title(), QStringLiteral("The events could not be saved"));
}

void DebugWindowTest::the_inspector_steps_into_exits() {
  DebugFixture f;
  QVERIFY(f.open_and_scan());
  f.session.set_current_frame(4);
  f.settle();
  auto* const details = f.view<ExitDetails>();
  QVERIFY(!details->isVisible());
  QVERIFY(f.trigger("debug.step_exit"));
  QVERIFY(QTest::qWaitFor([&] { return details->isVisible(); }, kPatienceMs));
  QCOMPARE(details->title(), QStringLiteral("Exit 1 of 4, depth 2"));
  QVERIFY(details->text().startsWith("delta "));
  QVERIFY(details->text().contains(f.session.record(4)->exit_index == 0 ? "the model exited here"
                                                                        : "the model went deeper"));
  for (int i = 0; i < 3; ++i) QVERIFY(f.trigger("debug.step_exit"));
  QVERIFY(QTest::qWaitFor([&] { return details->title() == "Exit 4 of 4, depth 8"; }, kPatienceMs));
}

void DebugWindowTest::forced_exits_are_shown_and_undone() {
  DebugFixture f;
  QVERIFY(f.open_and_scan());
  f.session.set_current_frame(10);
  f.session.selection()->set_selected_exit(f.session.record(10)->exit_index == 3 ? 0 : 3);
  const int wanted = f.session.selection()->selected_exit(), before = f.session.record(10)->exit_index;
  QVERIFY(f.trigger("debug.force"));
  QVERIFY(f.wait_idle() && f.scanned());
  QCOMPARE(f.session.record(10)->exit_index, wanted);
  f.session.set_current_frame(20);
  const auto warning = Theme::instance().colors().warning;
  QVERIFY(f.marks(TimelinePlot::Track::depth, 10, warning) > 15);
  QVERIFY(f.marks(TimelinePlot::Track::events, 10, warning) > 10);
  auto* const panel = f.view<WhatIfPanel>();
  QCOMPARE(panel->forced_model()->rowCount(), 1);
  QCOMPARE(panel->forced_model()->index(0, ForcedModel::kExit).data().toString(),
           QStringLiteral("exit %1").arg(wanted + 1));
  QVERIFY(f.trigger("edit.undo"));
  QVERIFY(f.wait_idle() && f.scanned());
  QCOMPARE(f.session.record(10)->exit_index, before);
  QCOMPARE(panel->forced_model()->rowCount(), 0);
  QCOMPARE(f.marks(TimelinePlot::Track::depth, 10, warning), 0);
  QVERIFY(f.trigger("edit.redo"));
  QVERIFY(f.wait_idle());
  QVERIFY(f.trigger("debug.unforce_all"));
  QCOMPARE(panel->forced_model()->rowCount(), 0);
}

void DebugWindowTest::flips_are_listed_and_jumped_to() {
  DebugFixture f;
  QVERIFY(f.open_and_scan());
  QVERIFY(f.trigger("debug.keep_thresholds"));
  auto* const panel = f.view<WhatIfPanel>();
  QVERIFY(panel->isVisible());
  auto policy = f.session.policy();
  policy.thresholds[1] = 1;
  f.session.set_policy(policy);
  QVERIFY(f.wait_idle());
  QVERIFY(QTest::qWaitFor([&] { return panel->flip_model()->rowCount() > 0; }, kPatienceMs));
  const int rows = panel->flip_model()->rowCount();
  QVERIFY(panel->flips_text().startsWith(QStringLiteral("%1 of 60 frames change exit").arg(rows)));
  f.settle();
  const auto frame = panel->flip_model()->frame_of(rows - 1);
  for (auto* const table : panel->findChildren<QTableView*>()) {
    if (table->accessibleName() != "Frames whose exit changes") continue;
    const auto last = panel->flip_model()->index(rows - 1, 0);
    table->scrollTo(last);
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(last).center());
  }
  QCOMPARE(f.session.current_frame(), frame);
}

void DebugWindowTest::interventions_compare_every_exit() {
  DebugFixture f;
  auto* const panel = f.view<InterventionPanel>();
  QVERIFY(f.trigger("debug.interventions"));
  QVERIFY(panel->isVisible());
  QVERIFY(panel->sentence().contains("Open a model and an episode"));
  QVERIFY(f.open_and_scan());
  QVERIFY(f.trigger("debug.interventions"));
  QVERIFY(panel->isVisible());
  f.session.set_current_frame(12);
  f.settle();
  const auto find = [&](auto* example, const char* name) {
    using Widget = std::remove_pointer_t<decltype(example)>;
    for (auto* const one : panel->findChildren<Widget*>()) {
      if (one->accessibleName() == QLatin1String(name)) return one;
    }
    return static_cast<Widget*>(nullptr);
  };
  auto* const run = find(static_cast<QPushButton*>(nullptr), "Run with the change");
  auto* const camera = find(static_cast<QComboBox*>(nullptr), "Static camera");
  auto* const frames = find(static_cast<QComboBox*>(nullptr), "Frames to change");
  auto* const words = find(static_cast<QComboBox*>(nullptr), "Word left out of the instruction");
  QVERIFY(run && camera && frames && words);
  QVERIFY(!run->isEnabled());  // nothing is changed yet
  QVERIFY(words->count() > 2);
  camera->setCurrentIndex(1);
  QVERIFY(run->isEnabled());
  QTest::mouseClick(run, Qt::LeftButton);
  QTRY_VERIFY_WITH_TIMEOUT(panel->table()->rowCount() == 4, kPatienceMs);
  QVERIFY2(panel->sentence().startsWith("static camera covered: depth"), qPrintable(panel->sentence()));
  QVERIFY(panel->table()->index(0, 3).data().toString() != panel->table()->index(0, 1).data().toString());

  // Other frames say that they were not run; a whole episode follows the playhead.
  f.session.set_current_frame(13);
  QCOMPARE(panel->table()->rowCount(), 0);
  QVERIFY(panel->sentence().contains("frames 12 to 12 were run"));
  frames->setCurrentIndex(2);
  QTest::mouseClick(run, Qt::LeftButton);
  QTRY_VERIFY_WITH_TIMEOUT(panel->table()->rowCount() == 4, kPatienceMs);
  QVERIFY(panel->sentence().contains("Over 60 frames"));
  f.session.set_current_frame(40);
  QCOMPARE(panel->table()->rowCount(), 4);

  // Another policy makes the comparison stale; resetting empties the controls.
  auto policy = f.session.policy();
  policy.thresholds.assign(policy.thresholds.size(), 0.5);
  f.session.set_policy(policy);
  QCOMPARE(panel->table()->rowCount(), 0);
  auto* const reset = find(static_cast<QPushButton*>(nullptr), "Reset the change");
  QVERIFY(reset->isEnabled());
  QTest::mouseClick(reset, Qt::LeftButton);
  QVERIFY(panel->intervention().empty());
  QVERIFY(!run->isEnabled());
}

void DebugWindowTest::frozen_thresholds_stay() {
  DebugFixture f;
  QVERIFY(f.open_and_scan());
  auto* const budget = f.view<Budget>();
  QVERIFY(!budget->frozen());
  QVERIFY(f.trigger("debug.freeze"));
  QVERIFY(budget->frozen());
  QVERIFY(!budget->apply());
  QVERIFY(f.window->commands()->action("debug.freeze")->isChecked());
  QVERIFY(f.trigger("debug.freeze"));
  QVERIFY(!budget->frozen());
}

void DebugWindowTest::bookmarks_loop_and_snapping() {
  DebugFixture f;
  QVERIFY(f.open_and_scan());
  f.session.set_current_frame(40);
  QVERIFY(f.trigger("debug.bookmark"));
  f.session.set_current_frame(0);
  QVERIFY(f.marks(TimelinePlot::Track::events, 40, Theme::instance().colors().text) > 10);
  QVERIFY(f.trigger("debug.next_bookmark"));
  QCOMPARE(f.session.current_frame(), 40);
  f.session.set_current_frame(59);
  QVERIFY(f.trigger("debug.previous_bookmark"));
  QCOMPARE(f.session.current_frame(), 40);
  // A click beside the mark goes to it; with Ctrl it goes where it was made.
  auto* const plot = f.plot();
  const auto y = plot->track_rect(TimelinePlot::Track::depth).center().y();
  plot->set_visible_frames({-0.5, 59.5});
  const double width = plot->x_of(1) - plot->x_of(0);
  const auto at = QPoint(static_cast<int>(plot->x_of(40) + width * 0.6), y);
  f.debugger()->set_breakpoints({});
  QTest::mouseClick(plot, Qt::LeftButton, {}, at);
  QCOMPARE(f.session.current_frame(), 40);
  QTest::mouseClick(plot, Qt::LeftButton, Qt::ControlModifier, at);
  QCOMPARE(f.session.current_frame(), 41);
  // What is not looped is faded.
  const auto faded = [&](qint64 frame) {
    f.settle();
    const auto image = plot->grab().toImage();
    return image.pixelColor(static_cast<int>(plot->x_of(frame)),
                            static_cast<int>(plot->y_of(TimelinePlot::Track::depth, 1)));
  };
  const auto plain = faded(5);
  f.session.playback()->set_loop_range(20, 40);
  QVERIFY(Theme::contrast(faded(5), Theme::instance().colors().background) <
          Theme::contrast(plain, Theme::instance().colors().background));
  f.session.playback()->set_loop_range(-1, -1);
  QCOMPARE(faded(5), plain);
}

void DebugWindowTest::setup_survives_a_restart() {
  DebugFixture f;
  QVERIFY(f.open_and_scan());
  f.debugger()->set_breakpoints({{"depth >= 8", false}});
  f.debugger()->set_watches({"closest"});
  f.session.set_current_frame(12);
  QVERIFY(f.trigger("debug.bookmark"));
  f.window->close();
  MainWindow again(&f.session, f.store());
  again.restore_last();
  const auto state = again.debug()->state();
  QCOMPARE(state.breakpoints.size(), std::size_t(1));
  QVERIFY((state.breakpoints[0] == Breakpoint{"depth >= 8", false}));
  QCOMPARE(state.watches, QStringList{"closest"});
  QCOMPARE(state.bookmarks.begin()->second, (std::vector<qint64>{12}));
}

}  // namespace deer::test

DEER_SUITE(deer::test::DebugWindowTest)

#include "tst_debug_window.moc"
