// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <mutex>
#include <thread>

#include "core/serve/show_server.h"
#include "tests/support/showing_client.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using test::ShowingClient;

namespace {

// Where runs arrive.
struct Arrivals {
  std::mutex mutex;
  std::vector<ShownRunPtr> runs;
  ShowServer server{"127.0.0.1:0",
                    [this](const ShownRunPtr& run) {
                      const std::lock_guard lock(mutex);
                      runs.push_back(run);
                    },
                    [](const RobotFeedPtr&) {}};

  std::size_t count() {
    const std::lock_guard lock(mutex);
    return runs.size();
  }
  ShownRunPtr newest() {
    const std::lock_guard lock(mutex);
    return runs.empty() ? nullptr : runs.back();
  }
};

QString words_of(const grpc::Status& status) {
  return QStringLiteral("%1: %2").arg(status.error_code()).arg(QString::fromStdString(status.error_message()));
}

}  // namespace

class ShowServerTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void frames_arrive_with_their_results();
  void replays_choose_among_the_recorded_exits();
  void a_busy_window_holds_back_the_sender();
  void a_closed_run_ends_the_sender();
  void one_run_at_a_time();
  void a_sender_that_goes_away_ends_the_run();
  void broken_runs_and_frames_data();
  void broken_runs_and_frames();
  void only_this_machine();
};

void ShowServerTest::frames_arrive_with_their_results() {
  Arrivals arrivals;
  ShowingClient client(arrivals.server.address());
  QVERIFY(client.send(ShowingClient::run()));
  for (int i = 0; i < 5; ++i) QVERIFY(client.send(ShowingClient::frame(i)));
  QTRY_COMPARE(arrivals.count(), std::size_t{1});
  const auto run = arrivals.newest();
  QCOMPARE(run->summary().name, std::string("my policy"));
  QCOMPARE(run->summary().exit_layers, (std::vector<int>{1, 3}));
  QCOMPARE(run->summary().layout->width(), std::size_t{3});
  QCOMPARE(run->summary().layout->steps(), std::size_t{2});
  QCOMPARE(run->policy().thresholds, (std::vector<double>{0.5, kAlwaysLeave}));
  QVERIFY(!run->length());
  const auto engine = make_shown_engine(run);
  double before = 0;
  for (int i = 0; i < 5; ++i) {
    const auto seen = run->next({});
    QVERIFY(seen);
    QCOMPARE(seen->instruction, std::string("wave"));
    QCOMPARE(seen->starts_episode, i == 0);
    QVERIFY(seen->timestamp_s >= before && seen->timestamp_s < 60);
    before = seen->timestamp_s;
    QCOMPARE(seen->rgb_static->width, 8);
    QCOMPARE(int(seen->rgb_static->rgb[0]), 10 * i);
    QVERIFY(!seen->rgb_gripper);
    const auto record = engine->step({100 + i, seen->rgb_static, nullptr, seen->instruction}, RunMode::probe);
    QCOMPARE(record->frame, 100 + i);
    QCOMPARE(record->exit_index, i % 2);
    QCOMPARE(record->action.size(), std::size_t{6});
    QVERIFY(record->layout == run->summary().layout);
  }
  const auto status = client.finish();
  QVERIFY2(status.ok(), qPrintable(words_of(status)));
  QCOMPARE(client.taken(), 5);
  QVERIFY(!run->next({}));  // the end
}

void ShowServerTest::replays_choose_among_the_recorded_exits() {
  Arrivals arrivals;
  ShowingClient client(arrivals.server.address());
  client.send(ShowingClient::run());
  for (int i = 0; i < 4; ++i) client.send(ShowingClient::frame(i));
  QTRY_COMPARE(arrivals.count(), std::size_t{1});
  const auto run = arrivals.newest();
  const auto engine = make_shown_engine(run);
  std::vector<FrameRecordPtr> records;
  for (int i = 0; i < 4; ++i) {
    const auto seen = run->next({});
    records.push_back(engine->step({i, seen->rgb_static, nullptr, seen->instruction}, RunMode::probe));
  }
  auto eager = engine->policy();
  eager.thresholds = {kAlwaysLeave, kAlwaysLeave};
  for (const auto& record : engine->replay(records, eager)) QCOMPARE(record->exit_index, 0);
}

void ShowServerTest::a_busy_window_holds_back_the_sender() {
  Arrivals arrivals;
  ShowingClient client(arrivals.server.address());
  client.send(ShowingClient::run());
  std::atomic<int> sent = 0;
  // More than the window, the network and gRPC hold: big pictures.
  auto big = ShowingClient::frame(1);
  auto& picture = *big.mutable_frame()->mutable_observation()->mutable_rgb_static();
  picture.set_width(1000);
  picture.set_height(1000);
  picture.set_data(std::string(3'000'000, 'x'));
  constexpr int kFrames = 120;
  std::jthread sender([&] {
    for (int i = 0; i < kFrames && client.send(big); ++i) ++sent;
  });
  QTRY_COMPARE(arrivals.count(), std::size_t{1});
  int before = -1;
  QTRY_VERIFY_WITH_TIMEOUT(std::exchange(before, sent.load()) == sent && sent >= int(ShownRun::kMostWaiting), 60'000);
  QVERIFY2(sent < kFrames, "everything was taken: nothing holds back");
  const auto run = arrivals.newest();
  for (int i = 0; i < kFrames; ++i) QVERIFY(run->next({}));
  sender.join();
  QCOMPARE(sent.load(), kFrames);
  QVERIFY(client.finish().ok());
}

void ShowServerTest::a_closed_run_ends_the_sender() {
  Arrivals arrivals;
  ShowingClient client(arrivals.server.address());
  client.send(ShowingClient::run());
  QTRY_COMPARE(arrivals.count(), std::size_t{1});
  arrivals.newest()->close();
  int number = 0;
  while (number < 10'000 && client.send(ShowingClient::frame(number))) ++number;
  const auto status = client.finish();
  QVERIFY2(status.error_code() == grpc::StatusCode::ABORTED, qPrintable(words_of(status)));
  // The next one is welcome.
  ShowingClient next(arrivals.server.address());
  next.send(ShowingClient::run());
  QTRY_COMPARE(arrivals.count(), std::size_t{2});
  QVERIFY(next.finish().ok());
}

void ShowServerTest::one_run_at_a_time() {
  Arrivals arrivals;
  ShowingClient first(arrivals.server.address());
  first.send(ShowingClient::run());
  QTRY_COMPARE(arrivals.count(), std::size_t{1});
  ShowingClient second(arrivals.server.address());
  second.send(ShowingClient::run());
  const auto status = second.finish();
  QVERIFY2(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED, qPrintable(words_of(status)));
  QVERIFY(first.send(ShowingClient::frame(0)));
  QVERIFY(first.finish().ok());
}

void ShowServerTest::a_sender_that_goes_away_ends_the_run() {
  Arrivals arrivals;
  {
    ShowingClient client(arrivals.server.address());
    client.send(ShowingClient::run());
    client.send(ShowingClient::frame(0));
    QTRY_COMPARE(arrivals.count(), std::size_t{1});
    QVERIFY(arrivals.newest()->next({}));
    client.cancel();
    QVERIFY(!client.finish().ok());
  }
  QVERIFY(!arrivals.newest()->next({}));
  ShowingClient next(arrivals.server.address());
  next.send(ShowingClient::run());
  QTRY_COMPARE(arrivals.count(), std::size_t{2});
  // Nobody takes anything any more: the sender must not wait for ever.
  std::stop_source stop;
  stop.request_stop();
  QVERIFY(!arrivals.newest()->next(stop.get_token()));
}

void ShowServerTest::broken_runs_and_frames_data() {
  QTest::addColumn<QByteArray>("run");
  QTest::addColumn<QByteArray>("frame");
  QTest::addColumn<QString>("says");
  const auto bytes = [](const auto& message) { return QByteArray::fromStdString(message.SerializeAsString()); };
  const auto bad_run = [&](const char* name, auto&& change, const char* says) {
    auto request = ShowingClient::run();
    change(*request.mutable_run());
    QTest::newRow(name) << bytes(request) << QByteArray() << says;
  };
  const auto bad_frame = [&](const char* name, auto&& change, const char* says) {
    auto request = ShowingClient::frame(1);
    change(*request.mutable_frame());
    QTest::newRow(name) << bytes(ShowingClient::run()) << bytes(request) << says;
  };
  QTest::newRow("no run") << bytes(ShowingClient::frame(0)) << QByteArray() << "the first message holds no run";
  bad_run(
      "protocol", [](auto& run) { run.set_protocol(9); }, "run.protocol: found 9, expected 1");
  bad_run(
      "no exits", [](auto& run) { run.clear_exit_layers(); }, "exit_layers: found none");
  bad_run(
      "kind", [](auto& run) { run.mutable_dimensions(0)->set_kind("wing"); }, "found 'wing'");
  bad_run(
      "steps", [](auto& run) { run.set_action_steps(0); }, "run.action_steps: found 0");
  bad_run(
      "policy", [](auto& run) { run.set_policy("{"); }, "not valid JSON");
  QTest::newRow("a run again") << bytes(ShowingClient::run()) << bytes(ShowingClient::run()) << "holds no frame";
  bad_frame(
      "action", [](auto& frame) { frame.mutable_result()->add_action(1); }, "action: found 7 numbers, expected 6");
  bad_frame(
      "exit", [](auto& frame) { frame.mutable_result()->mutable_exits(0)->set_layer(2); }, "found 2, expected an");
  bad_frame(
      "layer", [](auto& frame) { frame.mutable_result()->set_exit_layer(4); }, "of the 4 there are");
  bad_frame(
      "feature", [](auto& frame) { frame.mutable_result()->mutable_exits(0)->add_feature(1); }, "found 1 numbers");
  bad_frame(
      "picture", [](auto& frame) { frame.mutable_observation()->mutable_rgb_static()->set_width(9); },
      "rgb_static: found 144 bytes");
  bad_frame(
      "state", [](auto& frame) { frame.mutable_observation()->add_robot_obs(1); }, "robot_obs: found 1 numbers");
  bad_frame(
      "recorded", [](auto& frame) { frame.add_recorded_action(1); }, "recorded_action: found 1 numbers, expected 3");
}

void ShowServerTest::broken_runs_and_frames() {
  QFETCH(QByteArray, run);
  QFETCH(QByteArray, frame);
  QFETCH(QString, says);
  Arrivals arrivals;
  ShowingClient client(arrivals.server.address());
  deerscope::v1::ShowRequest request;
  QVERIFY(request.ParseFromArray(run.constData(), static_cast<int>(run.size())));
  client.send(request);
  if (!frame.isEmpty()) {
    QVERIFY(request.ParseFromArray(frame.constData(), static_cast<int>(frame.size())));
    client.send(request);
  }
  const auto status = client.finish();
  QVERIFY2(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT, qPrintable(words_of(status)));
  QVERIFY2(QString::fromStdString(status.error_message()).contains(says), qPrintable(words_of(status)));
}

void ShowServerTest::only_this_machine() {
  const auto ignore = [](const ShownRunPtr&) {};
  const auto no_robot = [](const RobotFeedPtr&) {};
  DEER_VERIFY_ERROR(ShowServer("0.0.0.0:0", ignore, no_robot), "can be reached from other machines");
  DEER_VERIFY_ERROR(ShowServer("somewhere", ignore, no_robot), "expected HOST:PORT");
  const ShowServer one("127.0.0.1:0", ignore, no_robot);
  DEER_VERIFY_ERROR(ShowServer(one.address(), ignore, no_robot), "is the address taken");
}

DEER_SUITE(ShowServerTest)

#include "tst_show_server.moc"
