// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QCheckBox>
#include <QDialogButtonBox>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QTest>

#include "app/gui/bars/headline.h"
#include "app/gui/bars/live_bar.h"
#include "app/gui/bars/message_bar.h"
#include "app/gui/bars/status_line.h"
#include "app/gui/commands/command_palette.h"
#include "app/gui/dialogs/instruction_box.h"
#include "app/gui/dialogs/open_world_dialog.h"
#include "app/gui/window/open_files.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/session/live_session.h"
#include "tests/app/window/window_fixture.h"
#include "tests/sessions/support/fake_live.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "widgets/base/theme.h"
#include "widgets/cameras/camera_view.h"
#include "widgets/timeline/playback_bar.h"
#include "widgets/timeline/timeline_plot.h"
#include "widgets/timeline/timeline_view.h"

namespace deer::test {
namespace {

struct LiveFixture : WindowFixture {
  using WindowFixture::WindowFixture;

  bool open_live(qint64 frames) {
    live->frame_ms = 10;
    return WindowFixture::open_live(fake_live_opener(live), frames);
  }
  bool runs() const { return session.activity() == Session::Activity::live; }
  LiveBar* bar() const { return window->findChild<LiveBar*>(); }
  template <typename T>
  T* in_bar(const char* name) const {
    for (auto* const one : bar()->findChildren<T*>()) {
      if (one->accessibleName() == QLatin1String(name)) return one;
    }
    return nullptr;
  }

  FakeLivePtr live = std::make_shared<FakeLive>();
};

constexpr const char* kScene = R"(<mujoco>
  <visual><global offwidth="200" offheight="200"/></visual>
  <worldbody>
    <light pos="0 0 3"/>
    <camera name="static" pos="0 -2 1" xyaxes="1 0 0 0 0.4 1"/>
    <geom type="plane" size="2 2 0.1" rgba="0.3 0.3 0.3 1"/>
    <body pos="0 0 1"><freejoint/><geom type="sphere" size="0.2" rgba="1 0 0 1"/></body>
  </worldbody>
</mujoco>)";

}  // namespace

class LiveWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() {
    QCOMPARE(guard_->unexpected(), QStringList());
    guard_.reset();
  }

  void views_grow_with_the_run() {
    LiveFixture f;
    QVERIFY(!f.bar()->isVisible());
    QVERIFY(f.open_live(40));
    QVERIFY(f.bar()->isVisible());
    QCOMPARE(f.bar()->state_text(), QStringLiteral("Live"));
    QVERIFY(f.bar()->rate_text().endsWith(" Hz"));
    QVERIFY(f.window->findChild<Headline*>()->status_text().endsWith("commands"));
    QVERIFY(f.window->findChild<PlaybackBar*>()->playing());
    QCOMPARE(f.window->findChild<Headline*>()->instruction(), QStringLiteral("open the drawer"));
    QVERIFY(!f.window->shows_welcome());
    f.session.live()->pause();
    f.settle();
    QCOMPARE(f.bar()->state_text(), QStringLiteral("Paused"));
    const auto last = f.session.frame_count() - 1;
    auto* const plot = f.window->findChild<TimelineView*>()->plot();
    QVERIFY(plot->visible_frames().contains(double(last)));
    QVERIFY(plot->visible_frames().upper > double(last) + 100);  // room for those to come
    QVERIFY(f.window->findChild<PlaybackBar*>()->counter_text().startsWith(QStringLiteral("frame %1 of").arg(last)));
    QVERIFY(f.window->findChild<Headline*>()->exit_text().startsWith("exit"));
    // The bars drawn so far are those of the records.
    plot->replot(QCustomPlot::rpImmediateRefresh);
    const auto image = plot->grab().toImage();
    const auto record = f.session.record(20);
    const auto color = Theme::instance().exit_color(record->exit_index, 4);
    const QPoint at(int(plot->x_of(20)), int(plot->y_of(TimelinePlot::Track::depth, 0)) - 2);
    QCOMPARE(image.pixelColor(at * image.devicePixelRatio()), color);
  }

  void the_controls_take_one_row() {
    LiveFixture f({1280, 800});
    QVERIFY(f.open_live(5));
    f.settle();
    auto* const record = control<QPushButton>(f.window.get(), "Record or stop recording");
    auto* const start = f.in_bar<QPushButton>("Start or pause the live run");
    QVERIFY(record && start);
    const auto middle = [&](QWidget* one) { return one->mapTo(f.window.get(), one->rect().center()).y(); };
    QVERIFY(std::abs(middle(record) - middle(f.bar())) < 4);
    QVERIFY(std::abs(middle(record) - middle(start)) < 4);
  }

  void keys_and_buttons_start_pause_and_stop() {
    LiveFixture f;
    QVERIFY(f.open_live(5));
    f.window->activateWindow();
    QVERIFY(f.window->commands()->trigger("playback.toggle"));
    QVERIFY(!f.runs());
    QVERIFY(!f.window->findChild<PlaybackBar*>()->playing());
    QVERIFY(f.window->commands()->trigger("playback.toggle"));
    QVERIFY(f.runs());
    QVERIFY(f.window->commands()->trigger("live.pause"));
    QVERIFY(!f.runs());
    QVERIFY(f.window->commands()->trigger("model.run"));
    QVERIFY(f.runs());
    QVERIFY(f.window->commands()->trigger("model.cancel"));
    QVERIFY(!f.runs());
    auto* const start = f.in_bar<QPushButton>("Start or pause the live run");
    start->click();
    QVERIFY(f.runs());
    start->click();
    QVERIFY(!f.runs());
    start->click();
    // Behind the newest frame, Space plays what was seen while the run goes on.
    QVERIFY(f.wait_frames(60));
    f.session.set_current_frame(2);
    QVERIFY(f.in_bar<QPushButton>("Show the newest frame")->isEnabled());
    QVERIFY(f.window->commands()->trigger("playback.toggle"));
    QVERIFY(QTest::qWaitFor([&] { return f.session.current_frame() > 4; }, kPatienceMs));
    QVERIFY(f.runs() && !f.session.live()->following());
    f.in_bar<QPushButton>("Show the newest frame")->click();
    QVERIFY(f.session.live()->following());
    QVERIFY(f.window->commands()->trigger("live.stop"));
    QCOMPARE(f.bar()->state_text(), QStringLiteral("Ended"));
    QVERIFY(!start->isEnabled());
    QVERIFY(!f.window->commands()->trigger("live.stop"));
    QVERIFY(!f.window->commands()->trigger("model.run"));
  }

  void an_instruction_is_typed() {
    LiveFixture f;
    QVERIFY(f.open_live(5));
    f.window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(f.window.get()));
    QVERIFY(f.window->commands()->trigger("live.instruct"));
    auto* const edit = f.bar()->findChild<InstructionBox*>()->lineEdit();
    QVERIFY(edit->hasFocus());
    QTest::keyClicks(edit, "close the drawer ");  // with blanks, which are the key that plays elsewhere
    QVERIFY(f.runs());
    QTest::keyClick(edit, Qt::Key_Return);
    QVERIFY(!edit->hasFocus());
    QVERIFY(edit->text().isEmpty());
    auto* const headline = f.window->findChild<Headline*>();
    QVERIFY(QTest::qWaitFor([&] { return headline->instruction() == u"close the drawer"; }, kPatienceMs));
    QCOMPARE(f.session.frames()->instructions().size(), std::size_t(2));
  }

  void every_exit_can_be_left_out() {
    LiveFixture f;
    QVERIFY(f.open_live(5));
    auto* const every = f.in_bar<QCheckBox>("Every exit");
    QVERIFY(every->isChecked());
    every->click();
    QVERIFY(f.session.live()->mode() == RunMode::policy);
    QVERIFY(f.window->commands()->trigger("live.every_exit"));
    QVERIFY(f.session.live()->mode() == RunMode::probe);
    QVERIFY(every->isChecked());
  }

  void an_error_is_shown_and_frames_stay() {
    LiveFixture f;
    f.live->fail_at = 8;
    QVERIFY(f.open_live(8));
    QVERIFY(QTest::qWaitFor([&] { return f.window->messages()->count() == 1; }, kPatienceMs));
    QCOMPARE(f.window->messages()->title(), QStringLiteral("The live source stopped at frame 8"));
    QVERIFY(f.window->messages()->details().contains("the plug was pulled"));
    QCOMPARE(f.session.evaluated_count(), 8);
    QCOMPARE(f.bar()->state_text(), QStringLiteral("Paused"));
  }

  void nothing_is_squeezed() {
    LiveFixture f;
    QVERIFY(f.open_live(10));
    f.settle();
    for (auto* const widget : f.bar()->findChildren<QWidget*>()) {
      if (qobject_cast<QLineEdit*>(widget)) continue;  // inside a box, which gives it less than it would have alone
      if (!widget->isVisible() || widget->sizePolicy().horizontalPolicy() == QSizePolicy::Ignored) continue;
      const auto name = QStringLiteral("%1 '%2'").arg(widget->metaObject()->className(), widget->accessibleName());
      QVERIFY2(widget->width() >= widget->minimumSizeHint().width(), qPrintable(name));
      QVERIFY2(widget->height() >= std::min(widget->minimumSizeHint().height(), widget->sizeHint().height()),
               qPrintable(name));
    }
    QCOMPARE(f.window->size(), QSize(1280, 800));
  }

  void the_dialog_says_what_will_happen() {
    if (!has_simulated_world()) QSKIP("built without the simulator");
    OpenWorldDialog dialog({"open the drawer", 7}, false);
    dialog.show();
    auto* const box = dialog.findChild<InstructionBox*>();
    QLabel* note = nullptr;
    for (auto* const label : dialog.findChildren<QLabel*>()) {
      if (label->accessibleName() == u"What will happen") note = label;
    }
    QVERIFY(note && note->text().contains("No model is open"));
    QVERIFY(!note->text().contains("not a task"));
    QVERIFY(box->count() == known_tasks() && known_tasks() >= 16);
    QVERIFY(box->completer()->completionModel()->rowCount() >= known_tasks());
    box->setCurrentText("make me a coffee");
    QVERIFY(note->text().contains("not a task this world can score"));
    QCOMPARE(dialog.choice().instruction, QStringLiteral("make me a coffee"));
    QCOMPARE(dialog.choice().seed, quint64(7));
    auto* const open = dialog.findChild<QDialogButtonBox*>()->button(QDialogButtonBox::Open);
    QVERIFY(open->isEnabled());
    box->setCurrentText("  ");
    QVERIFY(!open->isEnabled());
    OpenWorldDialog with_model({}, true);
    QVERIFY(is_known_instruction(with_model.choice().instruction));
    QVERIFY(is_known_instruction("turn_on_led"));
  }

  void the_simulated_world_runs() {
    LiveFixture f;
    if (!has_simulated_world()) {
      QVERIFY(!f.window->commands()->action("file.open_world"));
      QVERIFY(!f.window->commands()->action("file.open_scene"));
      QSKIP("built without the simulator");
    }
    // Without a model it is shown, and stands.
    f.window->files()->open_world({"turn on the led", 3});
    QVERIFY(f.wait_frames(1) && f.wait_idle());
    auto* const headline = f.window->findChild<Headline*>();
    QCOMPARE(headline->status_text(), QStringLiteral("Open a model to run it"));
    QVERIFY(!f.window->commands()->trigger("model.run"));
    f.session.open_model("/models/deer-nano");
    QVERIFY(f.wait_idle() && f.session.model());
    QVERIFY(f.window->commands()->trigger("model.run"));
    QVERIFY(f.wait_frames(12));
    f.session.live()->instruct("open_drawer");
    QVERIFY(QTest::qWaitFor([&] { return f.session.frames()->instructions().back().instruction == "open the drawer"; },
                            kPatienceMs));
    f.session.live()->pause();
    QTest::qWait(100);
    const auto last = f.session.frame_count() - 1;
    QCOMPARE(f.session.evaluated_count(), last);  // all but the one shown before there was a model
    const auto seen = f.session.frames()->observation(last);
    QCOMPARE(seen->rgb_static->width, 200);
    QCOMPARE(seen->rgb_gripper->width, 84);
    QVERIFY(seen->robot_obs);
    // The arm went where it was told.
    double moved = 0;
    for (std::size_t i = 0; i < 3; ++i)
      moved += std::abs((*seen->robot_obs)[i] - (*f.session.frames()->observation(0)->robot_obs)[i]);
    QVERIFY(moved > 0.005);
    QVERIFY2(headline->status_text().startsWith("step "), qPrintable(headline->status_text()));
    QVERIFY2(f.window->windowTitle().startsWith("simulated table"), qPrintable(f.window->windowTitle()));
    QVERIFY(f.window->messages()->count() == 0);
  }

  void a_scene_is_watched() {
    if (!has_simulated_world()) QSKIP("built without the simulator");
    LiveFixture f;
    const auto path = f.folder.filePath("ball.xml");
    QFile file(path);
    QVERIFY(file.open(QFile::WriteOnly));
    file.write(kScene);
    file.close();
    f.window->files()->open_paths({path});
    QVERIFY(f.wait_frames(5));
    QVERIFY(f.runs() && !f.session.live()->takes_commands());
    QVERIFY(f.session.frames()->observation(2)->rgb_static && !f.session.frames()->observation(2)->rgb_gripper);
    QVERIFY(f.window->windowTitle().startsWith("ball.xml"));
    f.session.live()->pause();
    QVERIFY(file.open(QFile::WriteOnly));
    file.write(QByteArray(kScene).replace("<worldbody>", "<worldbody humour=\"dry\">"));
    file.close();
    f.window->files()->open_paths({path});
    QVERIFY(QTest::qWaitFor([&] { return f.window->messages()->count() == 1; }, kPatienceMs));
    QVERIFY2(f.window->messages()->details().contains("humour"), qPrintable(f.window->messages()->details()));
  }

 private:
  std::unique_ptr<LogGuard> guard_;
};

}  // namespace deer::test

DEER_SUITE(deer::test::LiveWindowTest)

#include "tst_live_window.moc"
