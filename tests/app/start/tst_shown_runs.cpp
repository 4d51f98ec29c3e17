// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTemporaryDir>
#include <QTest>
#include <atomic>
#include <thread>

#include "app/gui/bars/message_bar.h"
#include "app/gui/launch.h"
#include "app/gui/start/shown_runs.h"
#include "app/gui/window/main_window.h"
#include "core/base/error.h"
#include "core/serve/remote_engine.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/session/live_session.h"
#include "tests/sessions/support/fakes.h"
#include "tests/sessions/support/session_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/showing_client.h"
#include "tests/support/suite.h"

namespace deer::test {
namespace {

// A window that waits for runs.
struct WaitingWindow {
  WaitingWindow() {
    window.resize(1280, 800);
    window.show();
    shown = QTest::qWaitForWindowExposed(&window);
  }

  bool wait_for_frames(qint64 count) {
    return QTest::qWaitFor([&] { return session.frame_count() >= count && session.evaluated_count() >= count; },
                           kPatienceMs);
  }

  QTemporaryDir folder;
  FakeControlPtr control = std::make_shared<FakeControl>();
  ShownRunsPtr runs = make_shown_runs();
  Session session{engines_with(runs), fake_source_opener(control, 60)};
  MainWindow window{&session, SessionStore(folder.filePath("settings").toStdString())};
  ShownRunOpener opener{&session, runs, "127.0.0.1:0", nullptr};
  bool shown = false;
};

FrameInput robot_frame(int frame, const std::string& instruction) {
  const auto picture =
      std::make_shared<const Image>(Image{8, 8, std::vector<std::uint8_t>(8 * 8 * 3, std::uint8_t(frame))});
  return {frame, picture, picture, instruction};
}

// A client that asks the window for actions, on a thread of its own.
class Robot {
 public:
  Robot(const QString& address, const std::function<void(RemoteEngine&)>& work)
      : thread_([this, address = address.toStdString(), work] {
          try {
            const auto engine = RemoteEngine::connect(address);
            work(*engine);
          } catch (const std::exception& error) {
            error_ = error.what();
          }
          done_ = true;
        }) {}

  bool is_done() const { return done_; }
  const std::string& error() const { return error_; }  // once it is done

 private:
  std::string error_;
  std::atomic<bool> done_ = false;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace

class ShownRunsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() { QCOMPARE(guard_->unexpected(), QStringList()); }

  void frames_appear_as_they_come();
  void other_thresholds_are_replayed_afterwards();
  void something_else_ends_the_run();
  void one_run_after_another();
  void a_robot_is_seen_and_gets_commands();
  void a_robot_without_a_model_is_refused();
  void something_else_ends_the_robot();
  void the_command_line();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void ShownRunsTest::frames_appear_as_they_come() {
  WaitingWindow w;
  QVERIFY(w.shown);
  ShowingClient client(w.opener.address().toStdString());
  QVERIFY(client.send(ShowingClient::run()));
  for (int i = 0; i < 4; ++i) QVERIFY(client.send(ShowingClient::frame(i)));
  QVERIFY(w.wait_for_frames(4));
  QCOMPARE(w.session.model()->name, std::string("my policy"));
  QVERIFY(w.session.model()->layout->width() == 3);
  QCOMPARE(w.session.activity(), Session::Activity::live);
  QCOMPARE(w.session.current_frame(), 3);
  for (int i = 4; i < 10; ++i) QVERIFY(client.send(ShowingClient::frame(i)));
  QVERIFY(w.wait_for_frames(10));
  for (int i = 0; i < 10; ++i) {
    QCOMPARE(w.session.record(i)->exit_index, i % 2);
    QCOMPARE(w.session.record(i)->frame, i);
  }
  QVERIFY(!w.session.live()->ended());
  QVERIFY(client.finish().ok());
  QTRY_VERIFY_WITH_TIMEOUT(w.session.live()->ended(), kPatienceMs);
  QCOMPARE(w.session.frame_count(), 10);
  QCOMPARE(w.window.messages()->count(), std::size_t(0));
  // It cannot be opened again at the next start.
  QVERIFY(w.session.model()->path.empty());
}

void ShownRunsTest::other_thresholds_are_replayed_afterwards() {
  WaitingWindow w;
  ShowingClient client(w.opener.address().toStdString());
  client.send(ShowingClient::run());
  for (int i = 0; i < 6; ++i) client.send(ShowingClient::frame(i));
  QVERIFY(client.finish().ok());
  QVERIFY(w.wait_for_frames(6));
  QTRY_VERIFY_WITH_TIMEOUT(w.session.live()->ended(), kPatienceMs);
  auto policy = w.session.policy();
  policy.thresholds = {0.8, kAlwaysLeave};  // the first exit's delta is 0.25 or 0.75
  w.session.set_policy(policy);
  QTRY_VERIFY_WITH_TIMEOUT(w.session.records_current() && w.session.record(1)->exit_index == 0, kPatienceMs);
  for (int i = 0; i < 6; ++i) QCOMPARE(w.session.record(i)->exit_index, 0);
}

void ShownRunsTest::something_else_ends_the_run() {
  WaitingWindow w;
  ShowingClient client(w.opener.address().toStdString());
  client.send(ShowingClient::run());
  client.send(ShowingClient::frame(0));
  QVERIFY(w.wait_for_frames(1));
  w.session.open_source("/data/task_D");
  QTRY_VERIFY_WITH_TIMEOUT(w.session.collection() && !w.session.live()->is_open(), kPatienceMs);
  // The other program is told at its next frame.
  const bool ended =
      QTest::qWaitFor([&, number = 1]() mutable { return !client.send(ShowingClient::frame(number++)); }, kPatienceMs);
  QVERIFY(ended);
  QCOMPARE(client.finish().error_code(), grpc::StatusCode::ABORTED);
}

void ShownRunsTest::one_run_after_another() {
  WaitingWindow w;
  for (const int frames : {3, 5}) {
    ShowingClient client(w.opener.address().toStdString());
    client.send(ShowingClient::run());
    for (int i = 0; i < frames; ++i) client.send(ShowingClient::frame(i));
    QVERIFY(client.finish().ok());
    QTRY_VERIFY_WITH_TIMEOUT(w.session.live()->ended() && w.session.frame_count() == frames, kPatienceMs);
  }
}

void ShownRunsTest::a_robot_is_seen_and_gets_commands() {
  WaitingWindow w;
  w.session.open_model(DEER_SOURCE_DIR "/tests/data/random_demo/model");
  QTRY_VERIFY_WITH_TIMEOUT(w.session.model(), kPatienceMs);
  std::vector<FrameRecordPtr> answers;
  Robot robot(w.opener.address(), [&](RemoteEngine& engine) {
    for (int i = 0; i < 8; ++i) answers.push_back(engine.step(robot_frame(i, "wave"), RunMode::policy));
    engine.reset();
    answers.push_back(engine.step(robot_frame(8, "bow"), RunMode::policy));
  });
  QTRY_VERIFY_WITH_TIMEOUT(robot.is_done(), kPatienceMs);
  QCOMPARE(robot.error(), std::string());
  QVERIFY(w.wait_for_frames(9));
  QVERIFY(w.session.live()->takes_commands());
  for (int i = 0; i < 9; ++i) {
    const auto shown = w.session.record(i);
    QVERIFY(shown->command == answers[std::size_t(i)]->command);
    QCOMPARE(shown->exit_layer, answers[std::size_t(i)]->exit_layer);
  }
  QCOMPARE(w.session.frames()->instructions().size(), std::size_t{2});
  QCOMPARE(w.session.frames()->instructions().back().instruction, std::string("bow"));
  // The robot has gone: what it did stays.
  QTRY_VERIFY_WITH_TIMEOUT(w.session.live()->ended(), kPatienceMs);
  QCOMPARE(w.session.frame_count(), 9);
  QCOMPARE(w.window.messages()->count(), std::size_t(0));
}

void ShownRunsTest::a_robot_without_a_model_is_refused() {
  WaitingWindow w;
  Robot robot(w.opener.address(), [](RemoteEngine&) {});
  QTRY_VERIFY_WITH_TIMEOUT(robot.is_done(), kPatienceMs);
  QVERIFY2(robot.error().find("no model is open") != std::string::npos, robot.error().c_str());
  QVERIFY(!w.session.live()->is_open());
}

void ShownRunsTest::something_else_ends_the_robot() {
  WaitingWindow w;
  w.session.open_model(DEER_SOURCE_DIR "/tests/data/random_demo/model");
  QTRY_VERIFY_WITH_TIMEOUT(w.session.model(), kPatienceMs);
  Robot robot(w.opener.address(), [](RemoteEngine& engine) {
    for (int i = 0;; ++i) engine.step(robot_frame(i, "wave"), RunMode::policy);
  });
  QVERIFY(w.wait_for_frames(2));
  w.session.open_source("/data/task_D");
  QTRY_VERIFY_WITH_TIMEOUT(robot.is_done(), kPatienceMs);
  QVERIFY2(robot.error().find("closed the robot's run") != std::string::npos, robot.error().c_str());
  QTRY_VERIFY_WITH_TIMEOUT(w.session.collection() && !w.session.live()->is_open(), kPatienceMs);
}

void ShownRunsTest::the_command_line() {
  WaitingWindow w;
  LaunchOptions options;
  QVERIFY(!wait_for_runs(options, &w.window, w.runs));
  options.listen = "127.0.0.1:0";
  QVERIFY(wait_for_runs(options, &w.window, w.runs));
  QCOMPARE(w.window.messages()->count(), std::size_t(0));  // a note passes
  options.listen = "0.0.0.0:8478";
  QVERIFY(!wait_for_runs(options, &w.window, w.runs));
  QCOMPARE(w.window.messages()->level(), MessageBar::Level::error);
  QVERIFY2(w.window.messages()->details().contains("other machines"), qPrintable(w.window.messages()->details()));
  const auto parsed = parse_launch({"deerscope", "--listen", "unix:/tmp/x"});
  QVERIFY(!parsed.end_with && parsed.options.listen == "unix:/tmp/x" && parsed.options.asks_for_something());
  QVERIFY(parse_launch({"deerscope", "--listen", ""}).message.contains("--listen needs an address"));
}

}  // namespace deer::test

DEER_SUITE(deer::test::ShownRunsTest)

#include "tst_shown_runs.moc"
