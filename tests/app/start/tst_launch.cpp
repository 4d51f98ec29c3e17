// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QFile>
#include <QSignalSpy>
#include <QTest>

#include "app/gui/bars/message_bar.h"
#include "app/gui/launch.h"
#include "app/gui/parts/race_part.h"
#include "app/gui/start/demo.h"
#include "app/gui/window/open_files.h"
#include "sessions/race/race.h"
#include "tests/app/window/window_fixture.h"
#include "tests/sessions/support/fake_live.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "widgets/base/theme.h"

namespace deer::test {

class LaunchTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() {
    Theme::instance().set_mode(Theme::Mode::light);
    QCOMPARE(guard_->unexpected(), QStringList());
    guard_.reset();
  }

  void screenshot_waits_and_writes();
  void a_race_is_launched();
  void a_race_is_saved_as_a_video();
  void screenshot_does_not_wait_for_ever();
  void screenshot_fails_with_what_failed();
  void screenshot_fails_for_a_path_that_cannot_be_opened();
  void screenshot_fails_when_nothing_happens_any_more();
  void a_launched_frame_is_shown_without_a_screenshot();
  void an_episode_of_a_path_is_opened();
  void the_demo_runs_with_another_model();
  void launched_thresholds_wait_for_their_model();
  void command_line_data();
  void command_line();
  void command_line_options_are_read();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void LaunchTest::screenshot_waits_and_writes() {
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

void LaunchTest::a_race_is_launched() {
  const auto parsed = parse_launch(
      {"deerscope", "--model", "/models/deer-nano", "--race", "--world", "close the drawer", "--seed", "7"});
  QVERIFY(!parsed.end_with);
  QVERIFY(parsed.options.race && parsed.options.asks_for_model());
  QVERIFY(!parsed.options.asks_for_episode());  // the world is the race's, not the session's
  WindowFixture f;
  std::vector<WorldChoice> asked;
  const auto live = std::make_shared<FakeLive>();
  live->counts_tasks = true;
  f.window->race()->set_makers(fake_engine_factory(f.control), [&](const WorldChoice& choice) {
    asked.push_back(choice);
    return fake_live_opener(live);
  });
  open_launched(parsed.options, f.window.get());
  QVERIFY(QTest::qWaitFor([&] { return f.window->race()->race()->state() == Race::State::finished; }, kPatienceMs));
  QCOMPARE(asked.size(), std::size_t(1));
  QCOMPARE(asked[0].instruction, QString("close the drawer"));
  QCOMPARE(asked[0].seed, quint64(7));
  QVERIFY(!f.session.live()->is_open());
  QVERIFY(parse_launch({"deerscope", "--demo", "--video", "x.mp4"}).message.contains("--video needs --race"));
  QVERIFY(parse_launch({"deerscope", "--race", "--video", "x.mp4", "--screenshot", "x.png"})
              .message.contains("--video and --screenshot"));
}

void LaunchTest::a_race_is_saved_as_a_video() {
  WindowFixture f;
  const auto live = std::make_shared<FakeLive>();
  live->counts_tasks = true;
  int races = 0;
  f.window->race()->set_makers(fake_engine_factory(f.control), [&](const WorldChoice&) {
    ++races;
    return fake_live_opener(live);
  });
  const auto file = f.folder.filePath("race.mp4");
  QSignalSpy saved(f.window->race(), &RacePart::video_saved);
  const auto parsed = parse_launch({"deerscope", "--model", "/models/deer-nano", "--race", "--video", file});
  QVERIFY(!parsed.end_with);
  open_launched(parsed.options, f.window.get());
  QTRY_COMPARE_WITH_TIMEOUT(saved.count(), 1, kPatienceMs);
  QVERIFY(QFile(file).size() > 1000);
  QCOMPARE(races, 1);
}

void LaunchTest::screenshot_does_not_wait_for_ever() {
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

void LaunchTest::screenshot_fails_with_what_failed() {
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

void LaunchTest::screenshot_fails_for_a_path_that_cannot_be_opened() {
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

void LaunchTest::screenshot_fails_when_nothing_happens_any_more() {
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

void LaunchTest::a_launched_frame_is_shown_without_a_screenshot() {
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

void LaunchTest::an_episode_of_a_path_is_opened() {
  WindowFixture f;
  LaunchOptions options;
  options.paths = {f.folder.path()};  // any folder: the fake opens it
  options.index = 1;
  open_launched(options, f.window.get());
  QTRY_VERIFY_WITH_TIMEOUT(f.session.episode_index() == std::optional<std::size_t>(1), kPatienceMs);
}

void LaunchTest::the_demo_runs_with_another_model() {
  if (!find_demo()) QSKIP("the demo is not installed");
  WindowFixture f;
  LaunchOptions options;
  options.demo = true;
  options.model = "/models/deer-nano";
  open_launched(options, f.window.get());
  QTRY_VERIFY_WITH_TIMEOUT(f.session.evaluated_count() == 60, kPatienceMs);
  QCOMPARE(f.session.model()->name, std::string("deer-nano"));
}

void LaunchTest::launched_thresholds_wait_for_their_model() {
  WindowFixture f;
  QFile file(f.folder.filePath("thresholds.json"));
  QVERIFY(file.open(QFile::WriteOnly));
  file.write("[0.5]");
  file.close();
  LaunchOptions options;
  options.model = "/models/deer-nano";
  options.episode = "/data/task_D";
  options.paths = {file.fileName()};
  open_launched(options, f.window.get());
  QVERIFY(f.window->files()->waits_for_model());
  QVERIFY(f.wait_idle());
  QVERIFY(f.session.model());
  QVERIFY(!f.window->files()->waits_for_model());
  QVERIFY(!f.window->messages()->details().contains("open the matching model first"));
}

void LaunchTest::command_line_data() {
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
  row("instruction alone", {"--instruction", "go"}, 2, "--instruction needs --camera");
  row("mapping alone", {"--map", "map.json"}, 2, "--map needs --episode");
  row("camera without a source", {"--camera", ""}, 2, "--camera needs a source");
  row("command alone", {"--command", "view.layout_debug"}, 2, "--command needs --screenshot");
}

void LaunchTest::command_line() {
  QFETCH(QStringList, arguments);
  QFETCH(int, end_with);
  QFETCH(QString, message);
  const auto parsed = parse_launch(arguments);
  QCOMPARE(parsed.end_with.value_or(-1), end_with);
  QVERIFY2(parsed.message.contains(message), qPrintable(parsed.message));
  if (end_with == 2) QVERIFY(!parsed.message.contains(u'\n'));
}

void LaunchTest::command_line_options_are_read() {
  const auto parsed = parse_launch({"deerscope",
                                    "--model",
                                    "m",
                                    "--episode",
                                    "e",
                                    "--map",
                                    "map.json",
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
                                    "--instruction",
                                    "go",
                                    "more",
                                    "paths"});
  QVERIFY2(!parsed.end_with, qPrintable(parsed.message));
  const auto& options = parsed.options;
  QCOMPARE(options.model, QStringLiteral("m"));
  QCOMPARE(options.episode, QStringLiteral("e"));
  QCOMPARE(options.map, QStringLiteral("map.json"));
  QCOMPARE(options.index, std::size_t(2));
  QCOMPARE(options.frame, 7);
  QVERIFY(options.run && options.demo && options.present);
  QCOMPARE(options.trace, QStringLiteral("t.h5"));
  QCOMPARE(options.seed, quint64(5));
  QCOMPARE(options.cameras().fixed.source, std::string("0"));
  QCOMPARE(options.cameras().gripper->source, std::string("1"));
  QCOMPARE(options.cameras().instruction, std::string("go"));
  QCOMPARE(options.screenshot, QStringLiteral("s.png"));
  QCOMPARE(options.commands, (QStringList{"a", "b"}));
  QCOMPARE(options.theme, QStringLiteral("dark"));
  QCOMPARE(options.size, QSize(1280, 800));
  QCOMPARE(options.paths, (QStringList{"more", "paths"}));
}

}  // namespace deer::test

DEER_SUITE(deer::test::LaunchTest)

#include "tst_launch.moc"
