// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTemporaryDir>
#include <QTest>

#include "app/gui/bars/message_bar.h"
#include "app/gui/launch.h"
#include "app/gui/start/shown_runs.h"
#include "app/gui/window/main_window.h"
#include "core/base/error.h"
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
