// SPDX-License-Identifier: GPL-3.0-or-later
#include <QComboBox>
#include <QDialogButtonBox>
#include <QLabel>
#include <QLineEdit>
#include <QMenuBar>
#include <QProgressBar>
#include <QProgressDialog>
#include <QPushButton>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTest>
#include <QToolButton>

#include "app/gui/bars/message_bar.h"
#include "app/gui/bars/toast.h"
#include "app/gui/dialogs/video_dialog.h"
#include "app/gui/parts/present_part.h"
#include "app/gui/parts/video_part.h"
#include "app/gui/video/window_subject.h"
#include "app/gui/window/mode_switch.h"
#include "app/gui/window/session_restore.h"
#include "core/episodes/open/open_source.h"
#include "sessions/base/paths.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/frames/playback.h"
#include "sessions/session/live_session.h"
#include "tests/app/window/window_fixture.h"
#include "tests/sessions/support/fake_live.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "widgets/base/theme.h"
#include "widgets/cameras/camera_view.h"
#include "widgets/present/present_view.h"

namespace deer::test {
namespace {

bool near(const QColor& a, const QColor& b, int tolerance = 14) {
  return std::abs(a.red() - b.red()) <= tolerance && std::abs(a.green() - b.green()) <= tolerance &&
         std::abs(a.blue() - b.blue()) <= tolerance;
}

QColor at(const Image& image, QPoint point) {
  const auto* const rgb = &image.rgb[std::size_t(3 * (point.y() * image.width + point.x()))];
  return {rgb[0], rgb[1], rgb[2]};
}

struct PresentFixture : WindowFixture {
  explicit PresentFixture(QSize size = {1280, 800}) : WindowFixture(size) { window->restore()->set_saves(false); }

  bool trigger(const char* id) { return window->commands()->trigger(QString::fromLatin1(id)); }
  PresentView* stage() const { return window->present()->view(); }
  bool activate() {
    window->activateWindow();
    return QTest::qWaitForWindowActive(window.get());
  }
  QString file(const char* name) const { return folder.filePath(QString::fromLatin1(name)); }
  QToolButton* word(const char* name) const {
    for (auto* const one : window->menuBar()->findChildren<QToolButton*>()) {
      if (one->accessibleName() == QLatin1String(name)) return one;
    }
    return nullptr;
  }

  /// Without the note that the fake data bring a warning.
  bool open_and_run_quietly() {
    if (!open_and_run()) return false;
    window->messages()->dismiss_all();
    settle();
    return true;
  }

  /// Exports and waits for the end. The note or the problem that the person is left with.
  QString exported(std::unique_ptr<VideoSubject> subject, const VideoExport::Plan& plan) {
    window->videos()->start(std::move(subject), plan);
    if (!QTest::qWaitFor([&] { return window->videos()->running() == nullptr; }, kPatienceMs)) return "too slow";
    const auto* const messages = window->messages();
    const bool failed = messages->count() > 0 && messages->level() == MessageBar::Level::error;
    return failed ? messages->title() : messages->toast()->title();
  }
};

}  // namespace

class PresentWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() {
    QCOMPARE(guard_->unexpected(), QStringList());
    guard_.reset();
  }

  void keys_enter_play_and_leave() {
    PresentFixture f;
    QVERIFY(f.open_and_run());
    QVERIFY(f.activate());
    f.window->setFocus();
    f.session.set_current_frame(10);
    QTest::keyClick(f.window.get(), Qt::Key_F5, Qt::ShiftModifier);
    QVERIFY(f.window->present()->active());
    QVERIFY(f.stage()->isVisible());
    QVERIFY(f.window->isFullScreen());
    QVERIFY(f.window->commands()->action("view.present")->isChecked());
    QTRY_COMPARE(f.stage()->geometry(), f.window->rect());
    QVERIFY(f.activate());
    QTRY_VERIFY(f.stage()->hasFocus());
    // The stage lies over everything: what the window paints is the stage.
    const auto image = f.window->grab().toImage();
    QCOMPARE(image.pixelColor(3, 3), f.stage()->stage_color());
    const auto record = f.session.record(10);
    QCOMPARE(f.stage()->depth_text(), QStringLiteral("depth %1 of 8").arg(record->depth()));
    QVERIFY(f.stage()->saving_text().endsWith("fewer LLM layers possible") ||
            f.stage()->saving_text().contains("of all"));
    QCOMPARE(f.stage()->success_text(), QStringLiteral("open the drawer"));

    QTest::keyClick(f.stage(), Qt::Key_Right);
    QCOMPARE(f.session.current_frame(), 11);
    QCOMPARE(f.stage()->frame().frame, 11);
    QTest::keyClick(f.stage(), Qt::Key_Home);
    QCOMPARE(f.session.current_frame(), 0);
    QTest::keyClick(f.stage(), Qt::Key_Space);
    QVERIFY(f.session.playback()->playing());
    QTRY_VERIFY(f.session.current_frame() > 3);
    QTest::keyClick(f.stage(), Qt::Key_Space);
    QVERIFY(!f.session.playback()->playing());
    QTest::keyClick(f.stage(), Qt::Key_End);
    QCOMPARE(f.stage()->success_text(), QStringLiteral("push the red block to the left"));

    QTest::keyClick(f.stage(), Qt::Key_Escape);
    QTRY_VERIFY(!f.window->present()->active());
    QVERIFY(!f.window->isFullScreen());
    QVERIFY(!f.window->findChild<CameraView*>()->visibleRegion().isEmpty());
    QVERIFY(f.trigger("view.present"));
    QVERIFY(f.window->present()->active());
    QVERIFY(f.trigger("view.present"));
    QVERIFY(!f.window->present()->active());
  }

  void escape_leaves_and_cancels_nothing() {
    PresentFixture f;
    QVERIFY(f.open());
    f.control->block_steps = true;
    f.session.run_episode();
    QVERIFY(f.activate());
    QVERIFY(f.trigger("view.present"));
    QVERIFY(f.activate());
    QTRY_VERIFY(f.stage()->hasFocus());
    QTest::keyClick(f.stage(), Qt::Key_Escape);
    QTRY_VERIFY(!f.window->present()->active());
    QVERIFY(f.session.activity() == Session::Activity::running);
    f.control->block_steps = false;
    f.session.cancel();
  }

  void other_controls_do_not_take_the_keys() {
    PresentFixture f;
    QVERIFY(f.open_and_run());
    QVERIFY(f.activate());
    f.window->present()->enter(false);
    QVERIFY(!f.window->isFullScreen());
    QTRY_VERIFY(f.stage()->hasFocus());
    QVERIFY(!f.window->findChildren<QLineEdit*>().isEmpty());
    for (auto* const edit : f.window->findChildren<QLineEdit*>()) edit->setFocus();
    QTRY_VERIFY(f.stage()->hasFocus());
    f.window->close();
    QVERIFY(!f.window->present()->active());
  }

  void live_too() {
    PresentFixture f;
    const auto live = std::make_shared<FakeLive>();
    live->frame_ms = 10;
    live->counts_tasks = true;
    f.session.open_model("/models/deer-nano");
    QTRY_VERIFY(f.session.model() != nullptr);
    f.window->present()->enter(false);
    f.session.live()->open("a fake", fake_live_opener(live));
    QTRY_VERIFY_WITH_TIMEOUT(f.session.frame_count() > 85, kPatienceMs);
    QVERIFY(f.stage()->frame().depth > 0);
    f.session.live()->pause();
    QTRY_VERIFY(f.idle());
    const auto tasks = *f.session.live()->tasks();
    QVERIFY(tasks.done >= 3);
    QCOMPARE(f.stage()->success_text(),
             QStringLiteral("tasks done %1 of %2").arg(tasks.done).arg(tasks.done + tasks.failed));
    const auto image = f.stage()->grab().toImage();
    const auto bar = f.stage()->bar_rect();
    const auto record = f.session.record(20);
    const auto color = Theme::instance().exit_color(record->exit_index, 4);
    QVERIFY(f.session.frame_count() < 300);
    QVERIFY(near(image.pixelColor(bar.left() + int(20.4 * bar.width() / 300), bar.bottom() - 2), color));
    // Looking back, only what was known then is said.
    f.session.set_current_frame(30);
    QVERIFY2(f.stage()->success_text() == "tasks done 1 of 1" || f.stage()->success_text() == "tasks done 0 of 0",
             qPrintable(f.stage()->success_text()));
    f.session.set_current_frame(2);
    QCOMPARE(f.stage()->success_text(), QStringLiteral("tasks done 0 of 0"));
  }

  void problems_are_seen_on_the_stage() {
    PresentFixture f;
    f.control->bad_frame = 5;
    QVERIFY(f.open());
    f.window->present()->enter(false);
    f.session.run_episode();
    QTRY_VERIFY_WITH_TIMEOUT(!f.stage()->frame().problem.isEmpty(), kPatienceMs);
    QVERIFY(f.stage()->frame().problem.contains("cut off after 12 bytes"));
  }

  void a_live_run_stops_early_for_an_audience() {
    PresentFixture f;
    const auto live = std::make_shared<FakeLive>();
    live->frame_ms = 5;
    QVERIFY(f.open_live(fake_live_opener(live), 5));
    QCOMPARE(f.session.live()->mode(), RunMode::probe);
    f.window->present()->enter(false);
    QCOMPARE(f.session.live()->mode(), RunMode::policy);
    const auto newest = [&] { return f.session.record(f.session.frame_count() - 1); };
    QTRY_VERIFY(newest() && newest()->mode == RunMode::policy);
    f.window->present()->leave();
    QCOMPARE(f.session.live()->mode(), RunMode::probe);
    f.session.live()->pause();
  }

  void modes_are_words() {
    PresentFixture f;
    for (const auto* const name : {"Recorded", "Live", "Compare", "Present"}) QVERIFY2(f.word(name), name);
    QCOMPARE(f.word("Recorded")->text(), QStringLiteral("Recorded"));
    QVERIFY(!f.word("Compare")->isEnabled());
    QVERIFY(f.open_and_run());
    QVERIFY(f.word("Recorded")->isChecked());
    f.word("Compare")->click();
    QVERIFY(f.word("Compare")->isChecked());
    QVERIFY(!f.word("Recorded")->isChecked());
    f.word("Recorded")->click();
    QVERIFY(f.word("Recorded")->isChecked());
    f.session.open_episode(1);
    QVERIFY(f.wait_idle());
    const auto live = std::make_shared<FakeLive>();
    f.session.live()->open("a fake", fake_live_opener(live));
    QTRY_VERIFY_WITH_TIMEOUT(f.session.live()->is_open() && f.session.frame_count() > 3, kPatienceMs);
    QVERIFY(f.word("Live")->isChecked());
    f.word("Live")->click();  // already
    QVERIFY(f.word("Live")->isChecked());
    f.word("Recorded")->click();
    QTRY_VERIFY_WITH_TIMEOUT(f.session.episode_index() == 1U && !f.session.live()->is_open(), kPatienceMs);
    QVERIFY(f.word("Recorded")->isChecked());
    f.word("Present")->click();
    QVERIFY(f.window->present()->active());
    f.window->present()->leave();
  }

  void the_presentation_as_a_video() {
    PresentFixture f;
    QVERIFY(f.open_and_run());
    f.session.set_current_frame(42);
    VideoExport::Plan plan{10, 21, {640, 400}, 30, to_path(f.file("run.mp4"))};
    QCOMPARE(f.exported(f.window->present()->video_subject(), plan), QStringLiteral("Video saved"));
    QVERIFY(f.window->messages()->toast()->details().contains("run.mp4: 12 frames, 640 × 400"));
    QCOMPARE(f.session.current_frame(), 42);
    const auto video = open_source(plan.file)->open(0);
    QCOMPARE(*video->length(), 12);
    QCOMPARE(video->info().frames_per_second, 30.0);
    // The same stage on the screen says where things are.
    PresentView* stage = nullptr;
    f.window->present()->enter(false);
    stage = f.stage();
    stage->setGeometry(0, 0, 640, 400);
    for (const int i : {0, 5, 11}) {
      f.session.set_current_frame(10 + i);
      QTRY_COMPARE(stage->frame().frame, 10 + i);
      QTRY_VERIFY(f.session.frames()->observation(10 + i) != nullptr);
      const auto expected = stage->grab(QRect(0, 0, 640, 400)).toImage();
      const auto seen = video->read(i)->rgb_static;
      QCOMPARE(QSize(seen->width, seen->height), QSize(640, 400));
      const auto picture = stage->picture_rect();
      const auto bar = stage->bar_rect();
      QVERIFY(near(at(*seen, {2, 2}), stage->stage_color()));
      for (const auto point : {picture.center(), picture.topLeft() + QPoint(20, 20)}) {
        QVERIFY2(near(at(*seen, point), expected.pixelColor(point)), qPrintable(QString::number(i)));
      }
      // The bar of this frame is filled, that of the next one is not.
      const auto x_of = [&](int frame) { return bar.left() + int((frame + 0.4) * bar.width() / 60); };
      const QPoint now(x_of(10 + i), bar.bottom() - 3), next(x_of(11 + i), bar.bottom() - 3);
      QVERIFY(near(at(*seen, now), expected.pixelColor(now), 40));  // colours have half the resolution
      QVERIFY(near(at(*seen, next), expected.pixelColor(next), 40));
      QVERIFY(!near(at(*seen, now), at(*seen, next), 40));
    }
  }

  void the_window_as_a_video() {
    PresentFixture f;
    QVERIFY(f.open_and_run_quietly());
    auto subject = std::make_unique<WindowSubject>(&f.session, f.window.get());
    const auto sizes = subject->sizes();
    QCOMPARE(sizes.first(), f.window->size() / 2 * 2);
    VideoExport::Plan plan{3, 8, sizes.first(), 30, to_path(f.file("window.mp4"))};
    QCOMPARE(f.exported(std::move(subject), plan), QStringLiteral("Video saved"));
    const auto video = open_source(plan.file)->open(0);
    QCOMPARE(*video->length(), 6);
    auto* const camera = f.window->findChild<CameraView*>();
    f.window->messages()->dismiss_all();
    for (const int i : {0, 5}) {
      f.session.set_current_frame(3 + i);
      QTRY_VERIFY(f.session.frames()->observation(3 + i) != nullptr);
      f.settle();
      const auto expected = f.window->grab().toImage();
      const auto seen = video->read(i)->rgb_static;
      const auto point = camera->mapTo(f.window.get(), camera->picture_rect().center());
      QVERIFY(near(at(*seen, point), expected.pixelColor(point)));
    }
  }

  void cancelled_leaves_no_file() {
    PresentFixture f;
    QVERIFY(f.open_and_run_quietly());
    f.session.set_current_frame(7);
    f.window->videos()->start(f.window->present()->video_subject(),
                              {0, 59, {1920, 1080}, 30, to_path(f.file("run.mp4"))});
    auto* const dialog = f.window->findChild<QProgressDialog*>();
    QVERIFY(dialog && dialog->isVisible());
    QVERIFY(!f.window->commands()->action("file.export_video")->isEnabled());
    QTRY_VERIFY_WITH_TIMEOUT(f.window->videos()->running()->done() > 3, kPatienceMs);
    QVERIFY2(dialog->labelText().contains(QRegularExpression("^Rendering frame \\d+ of 60, about \\d+ s left$")),
             qPrintable(dialog->labelText()));
    QVERIFY(dialog->findChild<QProgressBar*>()->value() > 0);
    for (auto* const button : dialog->findChildren<QPushButton*>()) button->click();
    QTRY_VERIFY_WITH_TIMEOUT(f.window->videos()->running() == nullptr, kPatienceMs);
    QCOMPARE(QDir(f.folder.path()).entryList({"*.mp4"}, QDir::Files), QStringList());
    QCOMPARE(f.session.current_frame(), 7);
    QCOMPARE(f.window->messages()->count(), std::size_t{0});
    QTRY_VERIFY(!f.window->findChild<QProgressDialog*>());
    QVERIFY(f.window->commands()->action("file.export_video")->isEnabled());
  }

  void another_episode_ends_the_export() {
    PresentFixture f;
    QVERIFY(f.open_and_run());
    f.window->videos()->start(f.window->present()->video_subject(),
                              {0, 59, {1920, 1080}, 30, to_path(f.file("run.mp4"))});
    f.session.open_episode(1);
    QTRY_VERIFY_WITH_TIMEOUT(f.window->videos()->running() == nullptr, kPatienceMs);
    QCOMPARE(QDir(f.folder.path()).entryList({"*.mp4"}, QDir::Files), QStringList());
  }

  void a_bad_place_gives_one_message() {
    PresentFixture f;
    QVERIFY(f.open_and_run_quietly());
    f.session.set_current_frame(9);
    QCOMPARE(
        f.exported(f.window->present()->video_subject(), {0, 59, {640, 400}, 30, to_path(f.file("missing/run.mp4"))}),
        QStringLiteral("The video could not be exported"));
    QCOMPARE(f.window->messages()->count(), std::size_t{1});
    QVERIFY(f.window->messages()->details().contains("run.mp4: cannot be written: No such file"));
    QCOMPARE(f.session.current_frame(), 9);
  }

  void frames_that_cannot_be_read_are_in_the_video_too() {
    PresentFixture f;
    f.control->bad_frame = 2;
    QVERIFY(f.open());
    VideoExport::Plan plan{0, 4, {640, 400}, 30, to_path(f.file("run.mp4"))};
    QCOMPARE(f.exported(f.window->present()->video_subject(), plan), QStringLiteral("Video saved"));
    QCOMPARE(*open_source(plan.file)->open(0)->length(), 5);
  }

  void the_dialog_makes_a_plan() {
    PresentFixture f;
    QVERIFY(f.open());
    f.session.playback()->set_loop_range(10, 19);
    QVERIFY(f.trigger("file.export_video"));
    auto* const dialog = f.window->findChild<VideoDialog*>();
    QVERIFY(dialog && dialog->isVisible());
    const auto find = [&]<typename T>(T*, const char* name) {
      for (auto* const one : dialog->findChildren<T*>()) {
        if (one->accessibleName() == QLatin1String(name)) return one;
      }
      return static_cast<T*>(nullptr);
    };
    auto* const what = find(static_cast<QComboBox*>(nullptr), "What is shown");
    auto* const size = find(static_cast<QComboBox*>(nullptr), "Size");
    auto* const first = find(static_cast<QSpinBox*>(nullptr), "First frame");
    auto* const last = find(static_cast<QSpinBox*>(nullptr), "Last frame");
    auto* const file = find(static_cast<QLineEdit*>(nullptr), "File");
    auto* const note = find(static_cast<QLabel*>(nullptr), "What will happen");
    auto* const save = dialog->findChild<QDialogButtonBox*>()->button(QDialogButtonBox::Save);
    QVERIFY(what && size && first && last && file && note);
    QCOMPARE(what->itemText(0), QStringLiteral("The presentation"));
    QCOMPARE(what->itemText(1), QStringLiteral("The whole window"));
    QCOMPARE(first->value(), 10);
    QCOMPARE(last->value(), 19);
    QVERIFY(note->text().startsWith("10 frames, 0.333 s at 30.0 frames per second."));
    QVERIFY(note->text().contains("60 of 60 frames are not evaluated"));
    QVERIFY(file->text().endsWith("fake-episode-of-60-frames-presentation.mp4"));
    QCOMPARE(size->currentText(), QStringLiteral("1920 × 1080"));
    what->setCurrentIndex(1);
    QVERIFY(file->text().endsWith("fake-episode-of-60-frames-window.mp4"));
    QCOMPARE(dialog->plan().pixels, f.window->size() / 2 * 2);
    what->setCurrentIndex(0);
    last->setValue(3);
    QVERIFY(!save->isEnabled());
    QVERIFY(note->text().contains("before the first"));
    last->setValue(12);
    file->selectAll();
    QTest::keyClicks(file, f.file("mine"));
    QVERIFY(save->isEnabled());
    size->setCurrentIndex(1);
    QCOMPARE(dialog->plan().file, to_path(f.file("mine.mp4")));
    save->click();
    QTRY_VERIFY_WITH_TIMEOUT(f.window->messages()->toast()->title() == "Video saved", kPatienceMs);
    const auto video = open_source(to_path(f.file("mine.mp4")))->open(0);
    QCOMPARE(*video->length(), 3);
    const auto seen = video->read(0)->rgb_static;
    QCOMPARE(QSize(seen->width, seen->height), QSize(1280, 720));
  }

 private:
  std::unique_ptr<LogGuard> guard_;
};

}  // namespace deer::test

DEER_SUITE(deer::test::PresentWindowTest)
#include "tst_present_window.moc"
