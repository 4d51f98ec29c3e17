// SPDX-License-Identifier: GPL-3.0-or-later
#include <QComboBox>
#include <QFile>
#include <QSignalSpy>
#include <QSlider>
#include <QTest>
#include <QToolButton>

#include "app/gui/bars/message_bar.h"
#include "app/gui/parts/present_part.h"
#include "app/gui/parts/race_part.h"
#include "core/budget/calibration.h"
#include "core/episodes/media/media_files.h"
#include "sessions/analysis/budget.h"
#include "sessions/race/race.h"
#include "sessions/runs/kept_runs.h"
#include "tests/app/window/window_fixture.h"
#include "tests/sessions/support/fake_live.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "widgets/base/theme.h"
#include "widgets/present/race_view.h"

namespace deer::test {
namespace {

struct RaceWindowFixture : WindowFixture {
  RaceWindowFixture() : live(std::make_shared<FakeLive>()) {
    live->counts_tasks = true;
    window->race()->set_makers(fake_engine_factory(control), [this](const WorldChoice& choice) {
      asked.push_back(choice);
      return fake_live_opener(live);
    });
    window->activateWindow();
  }
  RacePart* part() const { return window->race(); }
  bool finish() {
    return QTest::qWaitFor([this] { return part()->race()->state() == Race::State::finished; }, kPatienceMs);
  }
  bool enter_by_key() {
    if (!QTest::qWaitForWindowActive(window.get())) return false;
    QTest::keyClick(window.get(), Qt::Key_F5, Qt::ControlModifier);
    return QTest::qWaitFor([this] { return part()->view() && part()->view()->isVisible(); }, kPatienceMs);
  }

  FakeLivePtr live;
  std::vector<WorldChoice> asked;
};

}  // namespace

class RaceWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() { QCOMPARE(guard_->unexpected(), QStringList()); }

  void keys_start_and_end_it();
  void the_stacks_light_up();
  void any_two_policies_race();
  void a_slider_sets_the_depth_on_the_right();
  void it_comes_from_present_mode_and_goes_back();
  void no_saving_is_claimed_that_was_not_made();
  void success_that_cannot_be_scored_is_unknown();
  void it_is_saved_as_a_video();
  void a_video_that_cannot_be_written();
  void texts_fit_data();
  void texts_fit();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void RaceWindowTest::keys_start_and_end_it() {
  RaceWindowFixture f;
  QVERIFY(!f.window->commands()->trigger("view.race"));  // no model
  QVERIFY(f.open_and_run());
  const auto policy = f.session.policy();
  QVERIFY(f.enter_by_key());
  QCOMPARE(f.part()->view()->geometry(), f.window->rect());
  QCOMPARE(f.asked.size(), std::size_t(1));
  QCOMPARE(f.asked[0].instruction, QString("open the drawer"));  // that of the frame
  QVERIFY(f.asked[0].one_table);
  QVERIFY(f.finish());
  QTest::keyClick(f.part()->view(), Qt::Key_N);
  QTRY_COMPARE(f.asked.size(), std::size_t(2));
  QCOMPARE(f.asked[1].seed, f.asked[0].seed + 1);
  QTest::keyClick(f.part()->view(), Qt::Key_R);
  QTRY_COMPARE(f.asked.size(), std::size_t(3));
  QCOMPARE(f.asked[2].seed, f.asked[1].seed);
  QTest::keyClick(f.part()->view(), Qt::Key_Escape);
  QTRY_VERIFY(!f.part()->view());
  QVERIFY(f.part()->race()->state() != Race::State::running);
  QCOMPARE(f.session.policy(), policy);
}

void RaceWindowTest::the_stacks_light_up() {
  RaceWindowFixture f;
  QVERIFY(f.open_and_run());
  QVERIFY(f.enter_by_key());
  QVERIFY(f.finish());
  f.settle();
  auto* const view = f.part()->view();
  const auto picture = view->grab().toImage();
  const int layers = f.session.model()->layers, exits = int(f.session.model()->exit_layers.size());
  for (const int side : {0, 1}) {
    const auto& lane = f.part()->race()->lane(side);
    const auto stack = view->stack_rect(side);
    const auto lit = Theme::instance().exit_color(lane.exit_index, exits);
    int count = 0;
    for (int layer = 0; layer < layers; ++layer) {
      const int y = stack.bottom() - (2 * layer + 1) * stack.height() / (2 * layers);
      count += picture.pixelColor(stack.left() + 2, y) == lit ? 1 : 0;
    }
    QCOMPARE(count, lane.depth);
  }
  QCOMPARE(f.part()->race()->lane(0).depth, layers);
  QVERIFY(view->state_text(0).contains("done after 19 steps"));
}

void RaceWindowTest::any_two_policies_race() {
  RaceWindowFixture f;
  QVERIFY(f.open_and_run());
  ExitPolicy first;
  first.criterion = Criterion::fixed_exit;
  first.fixed_layer = 1;
  f.session.set_policy(first);
  QTRY_VERIFY(f.idle() && f.session.records_current());
  KeptRuns::of(&f.session)->keep("shallow");
  ExitPolicy second = first;
  second.fixed_layer = 3;
  f.session.set_policy(second);
  QTRY_VERIFY(f.idle() && f.session.records_current());
  QVERIFY(f.enter_by_key());
  QVERIFY(f.finish());
  QCOMPARE(f.part()->race()->lane(1).depth, 4);  // the active policy
  auto* const left = control<QComboBox>(f.part()->view(), "Policy on the left");
  QVERIFY(left);
  QCOMPARE(left->itemText(2), QString("shallow"));
  left->setFocus();
  QTest::keyClick(left, Qt::Key_Down);
  QTest::keyClick(left, Qt::Key_Down);
  QTRY_COMPARE(left->currentText(), QString("shallow"));
  QTRY_VERIFY(f.part()->race()->state() == Race::State::finished && f.part()->race()->lane(0).depth == 2);
  QVERIFY(f.part()->race()->saving()->times < 1);
  QVERIFY2(f.part()->view()->sentence().contains("2.0× more"), qPrintable(f.part()->view()->sentence()));
}

void RaceWindowTest::a_slider_sets_the_depth_on_the_right() {
  RaceWindowFixture f;
  QVERIFY(f.open_and_run());
  QVERIFY(f.enter_by_key());
  QVERIFY(!control<QSlider>(f.part()->view(), "Mean depth on the right"));  // no calibration set
  QTest::keyClick(f.part()->view(), Qt::Key_Escape);
  QTRY_VERIFY(!f.part()->view());

  const auto& exits = f.session.model()->exit_layers;
  CalibrationSet set;
  set.exit_layers = exits;
  for (std::size_t exit = 0; exit < exits.size(); ++exit) {
    auto& values = set.values.emplace_back();
    for (int i = 0; i < 200; ++i) values.push_back(static_cast<float>(1 + (i * 7) % 100));  // beyond the fake's
  }
  const std::filesystem::path file = f.folder.filePath("set.safetensors").toStdString();
  write_calibration(file, set);
  auto* const budget = f.window->findChild<Budget*>();
  QVERIFY(budget);
  budget->open_calibration(file);
  QTRY_VERIFY_WITH_TIMEOUT(budget->calibration(), kPatienceMs);
  const auto policy = f.session.policy();
  QVERIFY(f.enter_by_key());
  auto* const slider = control<QSlider>(f.part()->view(), "Mean depth on the right");
  QVERIFY(slider);
  slider->setFocus();
  QTest::keyClick(slider, Qt::Key_End);
  QTest::keyClick(slider, Qt::Key_Home);
  auto* const right = control<QComboBox>(f.part()->view(), "Policy on the right");
  QTRY_COMPARE_WITH_TIMEOUT(right->currentText(), QString("Chosen budget"), kPatienceMs);
  QVERIFY(f.finish());
  // Again, until the answer for the least depth is there.
  for (int i = 0; i < 20 && f.part()->race()->lane(1).depth != exits.front() + 1; ++i) {
    f.settle();
    QTest::keyClick(f.part()->view(), Qt::Key_R);
    QVERIFY(f.finish());
  }
  QCOMPARE(f.part()->race()->lane(1).depth, exits.front() + 1);
  QVERIFY(f.session.policy() == policy);
}

void RaceWindowTest::it_comes_from_present_mode_and_goes_back() {
  RaceWindowFixture f;
  QVERIFY(f.open_and_run());
  f.window->present()->enter(false);
  QVERIFY(f.window->commands()->trigger("view.race"));
  QTRY_VERIFY(f.part()->view() && f.part()->view()->isVisible());
  QVERIFY(!f.window->present()->active());
  QVERIFY(f.finish());
  QTest::keyClick(f.part()->view(), Qt::Key_Escape);
  QTRY_VERIFY(f.window->present()->active());
}

void RaceWindowTest::no_saving_is_claimed_that_was_not_made() {
  RaceWindowFixture f;
  QVERIFY(f.open_and_run());
  ExitPolicy shallow;
  shallow.criterion = Criterion::fixed_exit;
  shallow.fixed_layer = 1;
  f.session.set_policy(shallow);
  QTRY_VERIFY(f.idle() && f.session.records_current());
  QVERIFY(f.enter_by_key());
  QVERIFY(f.finish());
  auto* const view = f.part()->view();
  QCOMPARE(view->sentence(), QString("Both did the task: 4.0× fewer LLM layers on the right"));
  // At full depth on both sides there is nothing to claim.
  auto* const right = control<QComboBox>(view, "Policy on the right");
  right->setFocus();
  QTest::keyClick(right, Qt::Key_Up);
  QTRY_VERIFY(f.part()->race()->state() == Race::State::finished && f.part()->race()->lane(1).depth == 8);
  QCOMPARE(view->sentence(), QString("Both did the task: as many LLM layers on the right"));
}

void RaceWindowTest::success_that_cannot_be_scored_is_unknown() {
  RaceWindowFixture f;
  f.live->counts_tasks = false;
  QVERIFY(f.open_and_run());
  QVERIFY(f.enter_by_key());
  QVERIFY(f.finish());
  f.settle();
  auto* const view = f.part()->view();
  QVERIFY2(view->sentence().contains("right. Success is unknown"), qPrintable(view->sentence()));
  view->grab();
  QVERIFY(view->texts_fit());
}

void RaceWindowTest::it_is_saved_as_a_video() {
  RaceWindowFixture f;
  QVERIFY(f.open_and_run());
  QVERIFY(f.enter_by_key());
  QVERIFY(f.finish());
  const auto file = f.folder.filePath("race.mp4");
  QSignalSpy saved(f.part(), &RacePart::video_saved);
  f.part()->save_video(file);
  auto* const button = control<QToolButton>(f.part()->view(), "Save video…");
  QVERIFY(button && !button->isEnabled() && button->text() == "Saving video");
  QVERIFY(f.part()->saves_video());
  QTRY_COMPARE_WITH_TIMEOUT(saved.count(), 1, kPatienceMs);
  QVERIFY(button->isEnabled() && button->text() == "Video saved" && !f.part()->saves_video());
  // The race's steps, and its end for two seconds.
  const auto video = open_video(file.toStdString(), {})->open(0);
  QVERIFY(*video->length() > 30 && *video->length() <= 30 + 2 * 19);
  const auto last = video->read(*video->length() - 1)->rgb_static;
  const auto size = f.window->size() * f.window->devicePixelRatioF();
  QCOMPARE(QSize(last->width, last->height), QSize(size.width() / 2 * 2, size.height() / 2 * 2));
  // It ends as the race does: the picture of the left side's stack is lit to the top.
  const auto stack = f.part()->view()->stack_rect(0);
  const auto shown = f.part()->view()->grab().toImage();
  const auto ratio = f.window->devicePixelRatioF();
  const QPoint at = (QPointF(stack.left() + 3, stack.top() + 3) * ratio).toPoint();
  const auto expected = shown.pixelColor(at);
  const auto* const found = &last->rgb[3 * (std::size_t(at.y()) * std::size_t(last->width) + std::size_t(at.x()))];
  QVERIFY(std::abs(found[0] - expected.red()) < 24 && std::abs(found[1] - expected.green()) < 24 &&
          std::abs(found[2] - expected.blue()) < 24);
}

void RaceWindowTest::a_video_that_cannot_be_written() {
  RaceWindowFixture f;
  QVERIFY(f.open_and_run());
  QVERIFY(f.enter_by_key());
  f.part()->save_video("/nonexistent/race.mp4");
  QTRY_VERIFY_WITH_TIMEOUT(!f.part()->saves_video(), kPatienceMs);
  QVERIFY(f.window->messages()->title().contains("could not be saved"));
  // Another race ends a video that is not finished.
  const auto file = f.folder.filePath("race.mp4");
  f.part()->save_video(file);
  QTest::keyClick(f.part()->view(), Qt::Key_N);
  QVERIFY(!f.part()->saves_video());
  QTRY_VERIFY_WITH_TIMEOUT(!QFile::exists(file), kPatienceMs);
  QVERIFY(f.finish());
}

void RaceWindowTest::texts_fit_data() {
  QTest::addColumn<QSize>("size");
  for (const auto& size : {QSize(960, 600), QSize(1280, 800), QSize(1600, 1000), QSize(1920, 1080)}) {
    QTest::addRow("%dx%d", size.width(), size.height()) << size;
  }
}

void RaceWindowTest::texts_fit() {
  QFETCH(const QSize, size);
  RaceWindowFixture f;
  QVERIFY(f.open_and_run());
  QVERIFY(f.enter_by_key());
  QVERIFY(f.finish());
  auto* const view = f.part()->view();
  view->setGeometry(QRect({}, size));
  view->grab();
  QVERIFY(view->texts_fit());
  const QRect all({}, size);
  for (const int side : {0, 1}) {
    QVERIFY(all.contains(view->picture_rect(side)) && all.contains(view->stack_rect(side)));
    QVERIFY(view->picture_rect(side).width() > size.width() / 5);
  }
}

}  // namespace deer::test

DEER_SUITE(deer::test::RaceWindowTest)
#include "tst_race_window.moc"
