// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QActionGroup>
#include <QApplication>
#include <QDialog>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenuBar>
#include <QMimeData>
#include <QPushButton>
#include <QScrollBar>
#include <QTableView>
#include <QTest>
#include <QToolButton>
#include <QTranslator>

#include "app/gui/bars/headline.h"
#include "app/gui/bars/message_bar.h"
#include "app/gui/bars/status_line.h"
#include "app/gui/commands/command_palette.h"
#include "app/gui/commands/shortcut_dialog.h"
#include "app/gui/launch.h"
#include "app/gui/parts/debug_part.h"
#include "app/gui/window/open_files.h"
#include "app/gui/window/session_restore.h"
#include "sessions/frames/playback.h"
#include "tests/app/window/window_fixture.h"
#include "tests/support/log_guard.h"
#include "widgets/base/theme.h"
#include "widgets/exits/threshold_editor.h"
#include "widgets/timeline/playback_bar.h"

namespace deer::test {

class WindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() {
    Theme::instance().set_mode(Theme::Mode::light);
    QCOMPARE(guard_->unexpected(), QStringList());
    guard_.reset();
  }

  void starts_with_the_welcome_page();
  void opens_by_commands();
  void says_what_went_wrong_and_goes_on();
  void keys_move_through_the_episode();
  void keys_stay_with_the_control_that_needs_them();
  void thresholds_change_exits_and_can_be_undone();
  void every_command_is_complete_and_its_keys_are_its_own();
  void palette_finds_and_runs();
  void list_of_keys_shows_every_shortcut();
  void opens_what_is_dropped();
  void a_choice_of_one_is_drawn_as_such();
  void a_note_is_no_alarm();
  void themes_change_the_picture();
  void nothing_overlaps_or_is_cut_off_data();
  void nothing_overlaps_or_is_cut_off();
  void shows_the_note_of_the_model();
  void facts_name_model_device_and_times();
  void playback_bar_and_playback_agree();
  void cancel_is_a_key_away();
  void restores_what_was_open();
  void a_broken_settings_file_is_said_and_survived();
  void screenshot_waits_and_writes();
  void screenshot_does_not_wait_for_ever();
  void screenshot_fails_with_what_failed();
  void screenshot_fails_for_a_path_that_cannot_be_opened();
  void screenshot_fails_when_nothing_happens_any_more();
  void a_launched_frame_is_shown_without_a_screenshot();
  void launched_thresholds_wait_for_their_model();
  void stale_messages_go_in_every_language();
  void command_line_data();
  void command_line();
  void command_line_options_are_read();

 private:
  std::unique_ptr<LogGuard> guard_;
};

namespace {

template <typename T>
T* control(QWidget* in, const QString& accessible_name) {
  for (auto* const one : in->findChildren<T*>()) {
    if (one->accessibleName() == accessible_name && one->isVisible()) return one;
  }
  return nullptr;
}

/// Mean red, green and blue of a picture.
std::array<double, 3> mean_color(const QImage& image) {
  std::array<double, 3> sum{};
  for (int y = 0; y < image.height(); y += 4) {
    for (int x = 0; x < image.width(); x += 4) {
      const auto pixel = image.pixelColor(x, y);
      sum[0] += pixel.red();
      sum[1] += pixel.green();
      sum[2] += pixel.blue();
    }
  }
  const double count = double((image.height() + 3) / 4) * double((image.width() + 3) / 4);
  for (auto& value : sum) value /= count;
  return sum;
}

void drop(QWidget* on, const QStringList& paths) {
  QMimeData data;
  QList<QUrl> urls;
  for (const auto& path : paths) urls << QUrl::fromLocalFile(path);
  data.setUrls(urls);
  const QPoint at = on->rect().center();
  QDragEnterEvent enter(at, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(on, &enter);
  QVERIFY(enter.isAccepted());
  QDropEvent event(at, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(on, &event);
}

}  // namespace

void WindowTest::starts_with_the_welcome_page() {
  WindowFixture f;
  QVERIFY(f.shown);
  QVERIFY(f.window->shows_welcome());
  QVERIFY(control<QPushButton>(f.window.get(), f.window->commands()->action("file.open_dataset")->text()));
  for (auto* const dock : f.window->findChildren<QDockWidget*>()) QVERIFY(!dock->isVisible());
  // What cannot be done has no button.
  const auto* const last = f.window->commands()->action("file.restore_session");
  QVERIFY(!last->isEnabled());
  QVERIFY(!control<QPushButton>(f.window.get(), last->text()));
  QVERIFY(!f.window->commands()->action("model.run")->isEnabled());
  QVERIFY(!f.window->commands()->trigger("playback.toggle"));
}

void WindowTest::opens_by_commands() {
  WindowFixture f;
  QString answer = "/models/deer-nano";
  f.window->files()->set_folder_chooser([&](const QString&, const QString&) { return answer; });
  QVERIFY(f.window->commands()->trigger("file.open_model"));
  QVERIFY(f.wait_idle());
  QVERIFY(f.session.model());
  QVERIFY(!f.window->shows_welcome());
  answer = "/data/task_D";
  QVERIFY(f.window->commands()->trigger("file.open_dataset"));
  QVERIFY(QTest::qWaitFor([&] { return f.session.episode() != nullptr; }, kPatienceMs));
  QCOMPARE(f.session.frame_count(), 60);
  QVERIFY(f.window->windowTitle().contains("fake episode"));
  QVERIFY(f.window->commands()->trigger("model.run"));
  QVERIFY(QTest::qWaitFor([&] { return f.session.evaluated_count() == 60; }, kPatienceMs));
  // The wide views and the debugger's panels wait in the menu until there is room.
  const QStringList wide{"dock_action_plots", "dock_latency", "dock_compare"};
  for (auto* const dock : f.window->findChildren<QDockWidget*>()) {
    const auto& panels = f.window->debug()->docks();
    const bool waits =
        wide.contains(dock->objectName()) || std::find(panels.begin(), panels.end(), dock) != panels.end();
    QCOMPARE(dock->isHidden(), waits);
  }
  // A dialog that was cancelled opens nothing.
  answer.clear();
  QVERIFY(f.window->commands()->trigger("file.open_model"));
  QVERIFY(f.idle());
}

void WindowTest::says_what_went_wrong_and_goes_on() {
  WindowFixture f;
  QVERIFY(f.open());
  f.window->messages()->dismiss_all();
  f.session.open_source("/data/bad");
  QVERIFY(f.wait_idle());
  auto* const bar = f.window->messages();
  QVERIFY(bar->isVisible());
  QCOMPARE(bar->title(), QStringLiteral("Cannot open the data"));
  QVERIFY(bar->details().contains("/data/bad: is neither a CALVIN dataset"));
  QVERIFY(bar->details().contains("Choose a CALVIN dataset"));
  QVERIFY(QApplication::activeModalWidget() == nullptr);
  // The same again is not a second message.
  f.session.open_source("/data/bad");
  QVERIFY(f.wait_idle());
  QCOMPARE(bar->count(), std::size_t(1));
  f.control->bad_frame = 7;
  f.session.run_episode();
  QVERIFY(f.wait_idle());
  QCOMPARE(bar->count(), std::size_t(2));
  QCOMPARE(bar->title(), QStringLiteral("The run stopped at frame 7"));
  QTest::mouseClick(control<QToolButton>(bar, "Dismiss this message"), Qt::LeftButton);
  QCOMPARE(bar->count(), std::size_t(1));
  QTest::mouseClick(control<QToolButton>(bar, "Dismiss this message"), Qt::LeftButton);
  QVERIFY(!bar->isVisible());
  // A long message is cut on screen and whole behind the disclosure.
  bar->add(MessageBar::Level::error, {"Cannot", QString(500, u'x'), "Try again."});
  QVERIFY(bar->details().size() < 300);
  QTest::mouseClick(control<QToolButton>(bar, "Show the whole message"), Qt::LeftButton);
  QCOMPARE(control<QLabel>(bar, "Details")->text(), QString(500, u'x'));
  QVERIFY(f.session.episode());
  // What failed has worked: its message goes, whatever language its title is in.
  bar->dismiss_all();
  bar->add(MessageBar::Level::error, {"Es ist kein Modell offen", {}, {}, ProblemId::no_model});
  bar->add(MessageBar::Level::error, {"Es ist keine Episode offen", {}, {}, ProblemId::no_episode});
  f.session.open_model("/models/other");
  QVERIFY(f.wait_idle());
  QCOMPARE(bar->count(), std::size_t(1));
  QCOMPARE(bar->title(), QStringLiteral("Es ist keine Episode offen"));
}

void WindowTest::keys_move_through_the_episode() {
  WindowFixture f;
  QVERIFY(f.open_and_run());
  auto* const w = f.window.get();
  w->activateWindow();
  w->setFocus();
  QVERIFY(QTest::qWaitForWindowActive(w));
  QTest::keyClick(w, Qt::Key_Right);
  QTest::keyClick(w, Qt::Key_Right);
  QCOMPARE(f.session.current_frame(), 2);
  QTest::keyClick(w, Qt::Key_Left);
  QCOMPARE(f.session.current_frame(), 1);
  QTest::keyClick(w, Qt::Key_End);
  QCOMPARE(f.session.current_frame(), 59);
  QTest::keyClick(w, Qt::Key_Home);
  QCOMPARE(f.session.current_frame(), 0);
  const auto change = f.session.exit_change(0, 1);
  QVERIFY(change);
  QTest::keyClick(w, Qt::Key_Right, Qt::ShiftModifier);
  QCOMPARE(f.session.current_frame(), *change);
  QTest::keyClick(w, Qt::Key_3);
  QCOMPARE(f.session.selected_exit(), 2);
  QTest::keyClick(w, Qt::Key_3);
  QCOMPARE(f.session.selected_exit(), -1);
  QTest::keyClick(w, Qt::Key_9);  // the model has four exits
  QCOMPARE(f.session.selected_exit(), -1);
  QTest::keyClick(w, Qt::Key_Space);
  QVERIFY(f.session.playback()->playing());
  QVERIFY(QTest::qWaitFor([&] { return f.session.current_frame() > *change; }, kPatienceMs));
  QTest::keyClick(w, Qt::Key_Space);
  QVERIFY(!f.session.playback()->playing());
  // What has no key of its own has a sequence.
  QCOMPARE(f.window->commands()->action("view.theme_light")->shortcut().toString(), QStringLiteral("Ctrl+J, V, T"));
  QVERIFY(f.window->commands()->trigger("view.theme_dark"));
  QTest::keyClick(w, Qt::Key_J, Qt::ControlModifier);
  QTest::keyClick(w, Qt::Key_V);
  QTest::keyClick(w, Qt::Key_T);
  QVERIFY(!Theme::instance().is_dark());
}

void WindowTest::keys_stay_with_the_control_that_needs_them() {
  WindowFixture f;
  QVERIFY(f.open_and_run());
  f.window->activateWindow();
  QVERIFY(QTest::qWaitForWindowActive(f.window.get()));
  auto* const table = f.window->findChild<ThresholdEditor*>()->findChild<QTableView*>();
  QVERIFY(table);
  table->setFocus();
  table->setCurrentIndex(table->model()->index(0, 0));
  QTest::keyClick(table, Qt::Key_Right);
  QCOMPARE(f.session.current_frame(), 0);
  auto* const search = f.window->findChild<QLineEdit*>();
  QVERIFY(search);
  search->setFocus();
  QTest::keyClicks(search, "3 ?");
  QCOMPARE(f.session.selected_exit(), -1);
  QVERIFY(!f.session.playback()->playing());
}

void WindowTest::thresholds_change_exits_and_can_be_undone() {
  WindowFixture f;
  QVERIFY(f.open_and_run());
  const auto before = f.session.policy();
  const auto exits = [&] {
    QList<int> list;
    for (qint64 i = 0; i < f.session.frame_count(); ++i) list << f.session.record(i)->exit_index;
    return list;
  };
  const auto old_exits = exits();
  auto* const table = f.window->findChild<ThresholdEditor*>()->findChild<QTableView*>();
  auto* const model = table->model();
  const QAbstractItemModelTester tester(model, QAbstractItemModelTester::FailureReportingMode::QtTest);
  int column = -1;
  for (int i = 0; i < model->columnCount(); ++i) {
    if (model->flags(model->index(0, i)) & Qt::ItemIsEditable) column = i;
  }
  QVERIFY2(column >= 0, "no column of the table can be edited");
  QVERIFY(model->setData(model->index(0, column), QStringLiteral("0.9")));
  QVERIFY(f.wait_idle());
  QCOMPARE(f.session.policy().thresholds[0], 0.9);
  QVERIFY(exits() != old_exits);
  QCOMPARE(exits().count(0), 60);
  QVERIFY(f.window->commands()->trigger("edit.undo"));
  QVERIFY(f.wait_idle());
  QVERIFY(f.session.policy() == before);
  QCOMPARE(exits(), old_exits);
  QVERIFY(f.window->commands()->trigger("edit.redo"));
  QVERIFY(f.wait_idle());
  QCOMPARE(exits().count(0), 60);
}

void WindowTest::every_command_is_complete_and_its_keys_are_its_own() {
  WindowFixture f;
  QSet<QString> ids;
  QSet<QString> keys;
  QStringList in_menus;
  for (auto* const menu : f.window->menuBar()->findChildren<QMenu*>()) {
    for (const auto* const action : menu->actions()) in_menus << action->objectName();
  }
  for (const auto& command : f.window->commands()->commands()) {
    QVERIFY2(!ids.contains(command.id), qPrintable(command.id));
    ids << command.id;
    QVERIFY2(!command.text.isEmpty() && !command.tip.isEmpty() && command.run, qPrintable(command.id));
    QVERIFY2(command.tip.endsWith(u'.'), qPrintable(command.id));
    QVERIFY2(in_menus.contains(command.id), qPrintable(command.id));
    QVERIFY2(!command.shortcuts.isEmpty(), qPrintable(command.id));
    for (const auto& shortcut : command.shortcuts) {
      const auto text = shortcut.toString(QKeySequence::PortableText);
      if (text.isEmpty()) continue;
      const bool again_here = command.shortcuts.count(shortcut) > 1;
      QVERIFY2(again_here || !keys.contains(text), qPrintable(command.id + ": " + text));
      keys << text;
    }
  }
  // No sequence of keys begins with another one: both could not be told apart.
  for (const auto& one : keys) {
    for (const auto& other : keys) {
      QVERIFY2(!other.startsWith(one + ", "), qPrintable(one + " begins " + other));
    }
  }
  for (const auto* const key : {"Space", "Left", "Right", "Shift+Left", "Shift+Right", "Home", "End", "1", "9", "F11",
                                "Ctrl+K", "?", "[", "]"}) {
    QVERIFY2(keys.contains(QString::fromLatin1(key)), key);
  }
}

void WindowTest::palette_finds_and_runs() {
  WindowFixture f;
  QVERIFY(f.open());
  f.window->activateWindow();
  QVERIFY(f.window->commands()->trigger("view.palette"));
  auto* const palette = f.window->palette_dialog();
  QVERIFY(palette->isVisible());
  const auto all = palette->shown().size();
  QVERIFY(all > 20);
  QVERIFY(!palette->shown().contains("model.cancel"));  // nothing is going on
  palette->search()->setText("run");
  QCOMPARE(palette->shown().value(0), QStringLiteral("model.run"));
  palette->search()->setText("dark");
  QCOMPARE(palette->shown().value(0), QStringLiteral("view.theme_dark"));
  palette->search()->setText("zzzz");
  QVERIFY(palette->shown().isEmpty());
  QTest::keyClick(palette->search(), Qt::Key_Return);
  QVERIFY(palette->isVisible());
  palette->search()->setText("run the");
  QTest::keyClick(palette->search(), Qt::Key_Return);
  QVERIFY(!palette->isVisible());
  QVERIFY(QTest::qWaitFor([&] { return f.session.evaluated_count() == 60; }, kPatienceMs));
  QVERIFY(match_score("Open model", "om") > match_score("Loop model", "om"));
  QCOMPARE(match_score("Open", "x"), -1);
}

void WindowTest::list_of_keys_shows_every_shortcut() {
  WindowFixture f;
  QVERIFY(f.window->commands()->trigger("help.keys"));
  auto* const dialog = f.window->findChild<ShortcutDialog*>();
  QVERIFY(dialog && dialog->isVisible());
  const auto* const model = dialog->findChild<QTableView*>()->model();
  int with_keys = 0;
  for (const auto& command : f.window->commands()->commands()) with_keys += command.shortcuts.isEmpty() ? 0 : 1;
  QCOMPARE(model->rowCount(), with_keys);
  auto* const table = dialog->findChild<QTableView*>();
  dialog->findChild<QLineEdit*>()->setText("as baseline");
  // Its own row, and those whose tips name it.
  QStringList left;
  for (int row = 0; row < model->rowCount(); ++row) {
    if (!table->isRowHidden(row)) left << model->index(row, 0).data().toString();
  }
  QVERIFY2(left.size() < with_keys / 4, qPrintable(QString::number(left.size())));
  QVERIFY2(left.contains(QStringLiteral("Ctrl+Shift+K")), qPrintable(left.join(u' ')));
  dialog->close();
}

void WindowTest::opens_what_is_dropped() {
  WindowFixture f;
  QTemporaryDir models;
  QFile config(models.filePath("config.json"));
  QVERIFY(config.open(QFile::WriteOnly));
  config.write("{}");
  config.close();
  QTemporaryDir data;
  drop(f.window.get(), {models.path(), data.path()});
  QVERIFY(QTest::qWaitFor([&] { return f.session.model() && f.session.episode() && f.idle(); }, kPatienceMs));
  QCOMPARE(QString::fromStdString(f.session.model()->path.string()), models.path());
  QCOMPARE(QString::fromStdString(f.session.collection()->path().string()), data.path());
  drop(f.window.get(), {"/no/such/thing"});
  QCOMPARE(f.window->messages()->title(), QStringLiteral("Cannot open the file"));
}

void WindowTest::a_choice_of_one_is_drawn_as_such() {
  WindowFixture f;
  for (const auto* const id : {"view.theme_light", "mode.live", "exits.3", "view.layout_debug"}) {
    const auto* const action = f.window->commands()->action(QString::fromLatin1(id));
    QVERIFY2(action->actionGroup() && action->actionGroup()->isExclusive(), id);
  }
  for (const auto* const id : {"view.theme_dark", "view.theme_light"}) {
    QVERIFY(f.window->commands()->trigger(QString::fromLatin1(id)));
    QCOMPARE(f.window->commands()->action(QString::fromLatin1(id))->actionGroup()->checkedAction()->objectName(),
             QString::fromLatin1(id));
  }
}

void WindowTest::a_note_is_no_alarm() {
  WindowFixture f;
  auto* const bar = f.window->messages();
  const auto ground = [&] { return bar->palette().color(QPalette::Window); };
  bar->add(MessageBar::Level::error, {"Failed", {}, {}});
  const auto alarm = ground();
  bar->add(MessageBar::Level::note, {"Saved", {}, {}});
  QVERIFY(ground() != alarm);
  // Grey, whatever the accent.
  QVERIFY2(ground().saturation() < 20, qPrintable(ground().name()));
}

void WindowTest::themes_change_the_picture() {
  WindowFixture f;
  QVERIFY(f.open_and_run());
  QVERIFY(f.window->commands()->trigger("view.theme_light"));
  f.settle();
  const auto light = mean_color(f.window->grab().toImage());
  QVERIFY(f.window->commands()->trigger("view.theme_dark"));
  f.settle();
  const auto dark = mean_color(f.window->grab().toImage());
  for (std::size_t i = 0; i < 3; ++i) QVERIFY(light[i] > dark[i] + 80);
  QVERIFY(f.window->commands()->action("view.theme_dark")->isChecked());
  // Every dock follows: none is left with a light ground.
  for (auto* const dock : f.window->findChildren<QDockWidget*>()) {
    if (!dock->isVisible() || dock->visibleRegion().isEmpty()) continue;
    const auto ground = dock->widget()->grab().toImage().pixelColor(1, 1);
    QVERIFY2(ground.lightness() < 100, qPrintable(dock->objectName()));
  }
}

void WindowTest::nothing_overlaps_or_is_cut_off_data() {
  QTest::addColumn<QSize>("size");
  QTest::newRow("1280x800") << QSize(1280, 800);
  QTest::newRow("1600x1000") << QSize(1600, 1000);
}

void WindowTest::nothing_overlaps_or_is_cut_off() {
  QFETCH(QSize, size);
  WindowFixture f(size);
  QVERIFY(f.open_and_run());
  f.window->messages()->dismiss_all();
  f.settle();
  QCOMPARE(f.window->size(), size);
  const QRect inside(QPoint(0, 0), size);
  QList<QPair<QString, QRect>> areas;
  const auto place = [&](QWidget* widget, const QString& name) {
    areas.append({name, QRect(widget->mapTo(f.window.get(), QPoint()), widget->size())});
  };
  for (auto* const dock : f.window->findChildren<QDockWidget*>()) {
    if (!dock->visibleRegion().isEmpty()) place(dock, dock->objectName());
  }
  place(f.window->centralWidget(), "centre");
  place(f.window->findChild<PlaybackBar*>(), "playback");
  QVERIFY(areas.size() >= 6);
  for (int i = 0; i < areas.size(); ++i) {
    QVERIFY2(inside.contains(areas[i].second), qPrintable(areas[i].first));
    for (int j = i + 1; j < areas.size(); ++j) {
      QVERIFY2(!areas[i].second.intersects(areas[j].second),
               qPrintable(areas[i].first + " overlaps " + areas[j].first));
    }
  }
  for (auto* const widget : f.window->findChildren<QWidget*>()) {
    if (widget->visibleRegion().isEmpty() || widget->window() != f.window.get()) continue;
    if (qstrcmp(widget->metaObject()->className(), "QDockWidgetTitleButton") == 0) continue;  // Qt's own, cut by design
    const auto name = QStringLiteral("%1 '%2'").arg(widget->metaObject()->className(), widget->accessibleName());
    // No control is squeezed below what it needs.
    const auto least = widget->minimumSizeHint();
    if (qobject_cast<QLabel*>(widget) || qobject_cast<QAbstractButton*>(widget)) {
      const bool may_shrink = widget->sizePolicy().horizontalPolicy() == QSizePolicy::Ignored;
      QVERIFY2(may_shrink || widget->width() >= least.width(), qPrintable(name + " is too narrow"));
      QVERIFY2(widget->height() >= std::min(least.height(), widget->sizeHint().height()),
               qPrintable(name + " is too low"));
    }
    if (const auto* const area = qobject_cast<QAbstractScrollArea*>(widget)) {
      QVERIFY2(!area->horizontalScrollBar()->isVisible(), qPrintable(name + " scrolls sideways"));
    }
  }
}

void WindowTest::shows_the_note_of_the_model() {
  auto control_block = std::make_shared<FakeControl>();
  control_block->note = "random weights, not trained";
  WindowFixture f({1280, 800}, control_block);
  QVERIFY(f.open());
  auto* const notice = control<QLabel>(f.window.get(), "Note of the model");
  QVERIFY(notice);
  QVERIFY(notice->text().contains("random weights, not trained"));
  control_block->note.clear();
  f.session.open_model("/models/trained");
  QVERIFY(f.wait_idle());
  QVERIFY(!notice->isVisible());
}

void WindowTest::facts_name_model_device_and_times() {
  WindowFixture f;
  QVERIFY(f.window->facts()->text().contains("No model"));
  QVERIFY(f.open_and_run());
  const auto text = f.window->facts()->text();
  QVERIFY2(text.contains("deer-nano (4 exits)"), qPrintable(text));
  QVERIFY2(text.contains("cpu · float32"), qPrintable(text));
  QVERIFY2(text.contains("frame 8.0 ms: vision 5.0, LLM 2.0, head 0.5"), qPrintable(text));
  QVERIFY2(text.contains("RAM "), qPrintable(text));
  auto* const headline = f.window->findChild<Headline*>();
  QCOMPARE(headline->instruction(), QStringLiteral("open the drawer"));
  QVERIFY(headline->exit_text().startsWith("exit "));
  f.session.set_current_frame(45);
  QCOMPARE(headline->instruction(), QStringLiteral("push the red block to the left"));
  const int depth = f.session.record(45)->depth();
  QCOMPARE(headline->depth_text(), QStringLiteral("%1 of 8 layers").arg(depth));
}

void WindowTest::playback_bar_and_playback_agree() {
  WindowFixture f;
  QVERIFY(f.open());
  auto* const bar = f.window->findChild<PlaybackBar*>();
  auto* const playback = f.session.playback();
  Q_EMIT bar->speed_changed(2);
  QCOMPARE(playback->speed(), 2.0);
  QVERIFY(f.window->commands()->trigger("playback.faster"));
  QCOMPARE(bar->speed(), 4.0);
  QVERIFY(f.window->commands()->trigger("playback.loop"));
  QVERIFY(bar->loop());
  Q_EMIT bar->play_toggled(true);
  QVERIFY(playback->playing() && bar->playing());
  Q_EMIT bar->step_requested(1);
  QVERIFY(!playback->playing() && !bar->playing());
}

void WindowTest::cancel_is_a_key_away() {
  WindowFixture f;
  QVERIFY(f.open());
  f.control->block_steps = true;
  QVERIFY(f.window->commands()->trigger("model.run"));
  QVERIFY(QTest::qWaitFor([&] { return f.control->waiting == 1; }, kPatienceMs));
  QVERIFY(f.window->findChild<ActivityLine*>()->text().contains("0 of 60 frames"));
  QVERIFY(f.window->commands()->trigger("model.cancel"));
  QVERIFY(f.idle());
  QCOMPARE(f.window->findChild<ActivityLine*>()->text(), QStringLiteral("60 frames, none evaluated"));
}

void WindowTest::restores_what_was_open() {
  WindowFixture f;
  QVERIFY(f.open());
  f.session.open_episode(1);
  QVERIFY(QTest::qWaitFor([&] { return f.session.episode_index() == std::optional<std::size_t>(1); }, kPatienceMs));
  f.session.set_current_frame(12);
  auto policy = f.session.policy();
  policy.thresholds[1] = 0.25;
  f.session.set_policy(policy);
  QVERIFY(f.wait_idle());
  auto* const dock = f.window->findChild<QDockWidget*>("dock_inspector");
  dock->hide();
  f.window->close();

  Session again(fake_engine_factory(f.control), fake_source_opener(f.control, 60));
  MainWindow window(&again, f.store());
  window.restore_last();
  window.show();
  QVERIFY(
      QTest::qWaitFor([&] { return again.model() && again.episode() && again.current_frame() == 12; }, kPatienceMs));
  QCOMPARE(again.episode_index(), std::optional<std::size_t>(1));
  QVERIFY(QTest::qWaitFor([&] { return again.activity() == Session::Activity::idle; }, kPatienceMs));
  QVERIFY(again.policy() == policy);
  QVERIFY(!window.findChild<QDockWidget*>("dock_inspector")->isVisible());
  QVERIFY(window.findChild<QDockWidget*>("dock_episodes")->isVisible());
  window.restore()->set_saves(false);
  window.close();
}

void WindowTest::a_broken_settings_file_is_said_and_survived() {
  WindowFixture f;
  f.window->close();
  QFile file(f.folder.filePath("settings/session.json"));
  QVERIFY(file.open(QFile::WriteOnly));
  file.write("{broken");
  file.close();
  Session again(fake_engine_factory(f.control), fake_source_opener(f.control, 60));
  MainWindow window(&again, f.store());
  window.restore_last();
  window.show();
  QCOMPARE(window.messages()->title(), QStringLiteral("Saved settings could not be read"));
  QVERIFY(window.messages()->details().contains("session.json"));
  window.close();
}

void WindowTest::screenshot_waits_and_writes() {
  WindowFixture f;
  LaunchOptions options;
  options.model = "/models/deer-nano";
  options.episode = "/data/task_D";
  options.run = true;
  options.frame = 30;
  options.screenshot = f.folder.filePath("window.png");
  f.control->step_ms = 5;
  int code = -1;
  auto* const screenshot = start_screenshot(options, f.window.get());
  connect(screenshot, &Screenshot::finished, this, [&](int result) { code = result; });
  open_launched(options, f.window.get());
  QVERIFY(QTest::qWaitFor([&] { return code >= 0; }, kPatienceMs));
  QCOMPARE(code, 0);
  QCOMPARE(f.session.evaluated_count(), 60);
  QCOMPARE(f.session.current_frame(), 30);
  QCOMPARE(QImage(options.screenshot).size(), f.window->size());
}

void WindowTest::screenshot_does_not_wait_for_ever() {
  WindowFixture f;
  QVERIFY(f.open());
  QWidget stuck(f.window.get());  // a view that never gets through
  stuck.setProperty("settled", false);
  stuck.show();
  LaunchOptions options;
  options.screenshot = f.folder.filePath("window.png");
  int code = -1;
  auto* const screenshot = start_screenshot(options, f.window.get(), {.drawing = std::chrono::milliseconds(700)});
  connect(screenshot, &Screenshot::finished, this, [&](int result) { code = result; });
  QTest::qWait(500);
  QCOMPARE(code, -1);
  QVERIFY(QTest::qWaitFor([&] { return code >= 0; }, kPatienceMs));
  QCOMPARE(code, 0);
  QCOMPARE(QImage(options.screenshot).size(), f.window->size());
}

void WindowTest::screenshot_fails_with_what_failed() {
  WindowFixture f;
  LaunchOptions options;
  options.model = "/models/bad";
  options.screenshot = f.folder.filePath("window.png");
  int code = -1;
  auto* const screenshot = start_screenshot(options, f.window.get());
  connect(screenshot, &Screenshot::finished, this, [&](int result) { code = result; });
  open_launched(options, f.window.get());
  QVERIFY(QTest::qWaitFor([&] { return code >= 0; }, kPatienceMs));
  QCOMPARE(code, 1);
}

void WindowTest::screenshot_fails_for_a_path_that_cannot_be_opened() {
  WindowFixture f;
  LaunchOptions options;
  options.paths = {"/no/such/thing"};
  options.screenshot = f.folder.filePath("window.png");
  int code = -1;
  auto* const screenshot = start_screenshot(options, f.window.get());
  connect(screenshot, &Screenshot::finished, this, [&](int result) { code = result; });
  open_launched(options, f.window.get());
  QVERIFY(QTest::qWaitFor([&] { return code >= 0; }, kPatienceMs));
  QCOMPARE(code, 1);
}

void WindowTest::screenshot_fails_when_nothing_happens_any_more() {
  WindowFixture f;
  LaunchOptions options;
  options.model = "/models/deer-nano";
  options.screenshot = f.folder.filePath("window.png");
  f.control->block_load = true;
  int code = -1;
  auto* const screenshot = start_screenshot(options, f.window.get(), {.progress = std::chrono::milliseconds(400)});
  connect(screenshot, &Screenshot::finished, this, [&](int result) { code = result; });
  open_launched(options, f.window.get());
  QVERIFY(QTest::qWaitFor([&] { return code >= 0; }, kPatienceMs));
  QCOMPARE(code, 1);
}

void WindowTest::a_launched_frame_is_shown_without_a_screenshot() {
  WindowFixture f;
  LaunchOptions options;
  options.episode = "/data/task_D";
  options.frame = 30;
  open_launched(options, f.window.get());
  QVERIFY(QTest::qWaitFor([&] { return f.session.current_frame() == 30; }, kPatienceMs));
  // Only for what was launched: another episode begins at its first frame.
  f.session.open_episode(1);
  QVERIFY(QTest::qWaitFor([&] { return f.session.episode_index() == std::optional<std::size_t>(1); }, kPatienceMs));
  QCOMPARE(f.session.current_frame(), 0);
}

void WindowTest::launched_thresholds_wait_for_their_model() {
  WindowFixture f;
  QFile file(f.folder.filePath("thresholds.json"));
  QVERIFY(file.open(QFile::WriteOnly));
  file.write("[0.5]");
  file.close();
  LaunchOptions options;
  options.model = "/models/deer-nano";
  options.paths = {file.fileName()};
  open_launched(options, f.window.get());
  QVERIFY(f.window->files()->waits_for_model());
  QVERIFY(f.wait_idle());
  QVERIFY(f.session.model());
  QVERIFY(!f.window->files()->waits_for_model());
  QVERIFY(!f.window->messages()->details().contains("open the matching model first"));
}

void WindowTest::stale_messages_go_in_every_language() {
  // Another text for every text: a message that were looked for by its own would not be found.
  struct Numbers : QTranslator {
    QString translate(const char* context, const char* text, const char*, int) const override {
      return QString::fromLatin1(context) + QString::fromUtf8(text);
    }
    bool isEmpty() const override { return false; }
  } contexts;
  QVERIFY(QCoreApplication::installTranslator(&contexts));
  {
    WindowFixture f;
    f.session.run_episode();
    QVERIFY(f.window->messages()->title().contains("There is no model to run"));
    f.window->files()->open_model("/models/bad");
    QVERIFY(f.wait_idle());
    QCOMPARE(f.window->messages()->count(), std::size_t(2));
    f.window->files()->open_source("/data/bad");
    QVERIFY(f.wait_idle());
    QCOMPARE(f.window->messages()->count(), std::size_t(3));
    f.window->files()->open_model("/models/deer-nano");
    QVERIFY(f.wait_idle());
    QCOMPARE(f.window->messages()->count(), std::size_t(1));
    f.window->files()->open_source("/data/task_D");
    QVERIFY(f.wait_idle());
    QCOMPARE(f.window->messages()->count(), std::size_t(0));
  }
  QCoreApplication::removeTranslator(&contexts);
}

void WindowTest::command_line_data() {
  QTest::addColumn<QStringList>("arguments");
  QTest::addColumn<int>("end_with");
  QTest::addColumn<QString>("message");
  const auto row = [](const char* name, const QStringList& arguments, int end_with, const char* message) {
    QTest::newRow(name) << (QStringList{"deerscope"} + arguments) << end_with << QString::fromLatin1(message);
  };
  row("nothing", {}, -1, "");
  row("everything",
      {"--model", "m", "--episode", "e", "--index", "2", "--run", "--theme", "dark", "--size", "1280x800"}, -1, "");
  row("help", {"--help"}, 0, "--screenshot");
  row("version", {"-v"}, 0, "deerscope 0.");
  row("unknown", {"--fly"}, 2, "fly");
  row("index", {"--index", "-1"}, 2, "--index is '-1'");
  row("index word", {"--index", "two"}, 2, "--index is 'two'");
  row("theme", {"--theme", "pink"}, 2, "--theme is 'pink'");
  row("seed", {"--world", "open the drawer", "--seed", "x"}, 2, "--seed is 'x'");
  row("size", {"--size", "big"}, 2, "--size is 'big'");
  row("size small", {"--size", "10x10"}, 2, "--size is '10x10'");
  row("run alone", {"--run"}, 2, "--run needs");
  row("frame", {"--episode", "e", "--frame", "-2"}, 2, "--frame is '-2'");
  row("frame word", {"--episode", "e", "--frame", "last"}, 2, "--frame is 'last'");
  row("gripper camera alone", {"--gripper-camera", "1"}, 2, "--gripper-camera needs --camera");
  row("camera without a source", {"--camera", ""}, 2, "--camera needs a source");
  row("command alone", {"--command", "view.layout_debug"}, 2, "--command needs --screenshot");
}

void WindowTest::command_line() {
  QFETCH(QStringList, arguments);
  QFETCH(int, end_with);
  QFETCH(QString, message);
  const auto parsed = parse_launch(arguments);
  QCOMPARE(parsed.end_with.value_or(-1), end_with);
  QVERIFY2(parsed.message.contains(message), qPrintable(parsed.message));
  if (end_with == 2) QVERIFY(!parsed.message.contains(u'\n'));
}

void WindowTest::command_line_options_are_read() {
  const auto parsed = parse_launch({"deerscope",
                                    "--model",
                                    "m",
                                    "--episode",
                                    "e",
                                    "--index",
                                    "2",
                                    "--frame",
                                    "7",
                                    "--run",
                                    "--theme",
                                    "dark",
                                    "--size",
                                    "1280x800",
                                    "--camera",
                                    "0",
                                    "--trace",
                                    "t.h5",
                                    "--present",
                                    "--demo",
                                    "--seed",
                                    "5",
                                    "--screenshot",
                                    "s.png",
                                    "--command",
                                    "a",
                                    "--command",
                                    "b",
                                    "--gripper-camera",
                                    "1",
                                    "more",
                                    "paths"});
  QVERIFY2(!parsed.end_with, qPrintable(parsed.message));
  const auto& options = parsed.options;
  QCOMPARE(options.model, QStringLiteral("m"));
  QCOMPARE(options.episode, QStringLiteral("e"));
  QCOMPARE(options.index, std::size_t(2));
  QCOMPARE(options.frame, 7);
  QVERIFY(options.run && options.demo && options.present);
  QCOMPARE(options.trace, QStringLiteral("t.h5"));
  QCOMPARE(options.seed, quint64(5));
  QCOMPARE(options.cameras().fixed.source, std::string("0"));
  QCOMPARE(options.cameras().gripper->source, std::string("1"));
  QCOMPARE(options.screenshot, QStringLiteral("s.png"));
  QCOMPARE(options.commands, (QStringList{"a", "b"}));
  QCOMPARE(options.theme, QStringLiteral("dark"));
  QCOMPARE(options.size, QSize(1280, 800));
  QCOMPARE(options.paths, (QStringList{"more", "paths"}));
}

}  // namespace deer::test

int main(int argc, char** argv) {
  QCoreApplication::setAttribute(Qt::AA_ShareOpenGLContexts);
  QApplication application(argc, argv);
  deer::Theme::instance().set_mode(deer::Theme::Mode::light);
  deer::Theme::instance().apply();
  deer::test::WindowTest test;
  return QTest::qExec(&test, argc, argv);
}

#include "tst_window.moc"
