// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <atomic>
#include <mutex>
#include <thread>

#include "core/serve/show_server.h"
#include "tests/core/serve/served.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using test::difference;
using test::served_input;

namespace {

// What a window does with a robot: one step of its model for each frame.
class Window {
 public:
  Window() { describe(); }
  ~Window() {
    thread_.request_stop();
    close_robot();
  }

  std::string address() const { return server_.address(); }
  void describe() { server_.describe(engine_->summary(), engine_->policy()); }
  void forget_model() { server_.describe(std::nullopt, {}); }
  void fail_at(int frame) { fails_at_ = frame; }
  void pause(bool paused) { paused_ = paused; }
  void pause_before(int frame) { paused_before_ = frame; }  ///< until pause(false)

  int robots() const { return robots_; }
  bool is_idle() const { return !busy_; }
  std::vector<ObservationPtr> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  void close_robot() {
    const std::lock_guard lock(mutex_);
    if (robot_) robot_->close();
  }

  std::unique_ptr<RemoteEngine> connect(RemoteOptions options = {}) const {
    return RemoteEngine::connect(address(), options);
  }

 private:
  void take(const RobotFeedPtr& robot) {
    ++robots_;
    std::jthread next([this, robot](const std::stop_token& stop) { run(*robot, stop); });
    const std::lock_guard lock(mutex_);
    robot_ = robot;
    std::swap(next, thread_);
  }

  void run(RobotFeed& robot, const std::stop_token& stop) {
    busy_ = true;
    for (int frame = 0;; ++frame) {
      if (frame == paused_before_) paused_ = true;
      while (paused_ && !stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      const auto seen = robot.next(stop);
      if (!seen) break;
      {
        const std::lock_guard lock(mutex_);
        seen_.push_back(seen);
      }
      if (seen->starts_episode) engine_->reset();
      if (frame == fails_at_) {
        robot.answer(nullptr);
      } else {
        robot.answer(engine_->step({frame, seen->rgb_static, seen->rgb_gripper, seen->instruction}, RunMode::policy));
      }
    }
    busy_ = false;
  }

  std::unique_ptr<Engine> engine_ = Engine::load(test::kServedModel);
  std::atomic<int> robots_ = 0, fails_at_ = -1, paused_before_ = -1;
  std::atomic<bool> paused_ = false, busy_ = false;
  mutable std::mutex mutex_;
  RobotFeedPtr robot_;
  std::vector<ObservationPtr> seen_;
  std::jthread thread_;
  ShowServer server_{"127.0.0.1:0", [](const ShownRunPtr&) {}, [this](const RobotFeedPtr& robot) { take(robot); }};
};

RemoteOptions lazily() {
  RemoteOptions out;
  out.lazy = true;
  return out;
}

}  // namespace

class RobotServiceTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void a_robot_gets_the_model_s_commands();
  void a_reset_begins_an_episode();
  void refusals();
  void one_robot_at_a_time();
  void the_window_decides_the_policy();
  void a_closed_run_ends_the_robot();
  void a_paused_window_lets_the_robot_wait();
  void an_interrupted_step_leaves_the_next_one_right();
  void a_frame_that_the_model_cannot_take();
};

void RobotServiceTest::a_robot_gets_the_model_s_commands() {
  Window window;
  const auto robot = window.connect();
  QCOMPARE(robot->summary().exit_layers, Engine::load(test::kServedModel)->summary().exit_layers);
  const auto local = Engine::load(test::kServedModel);
  for (int i = 0; i < 6; ++i) {
    // Another instruction empties the memory, here as there.
    const auto input = served_input(i, i < 3 ? "open the drawer" : "close the drawer");
    const auto expected = local->step(input, RunMode::policy);
    const auto found = robot->step(input, RunMode::policy);
    QCOMPARE(difference(*found, *expected), std::string());
  }
  QCOMPARE(window.robots(), 1);
  const auto seen = window.seen();
  QCOMPARE(seen.size(), std::size_t{6});
  QVERIFY(seen[0]->starts_episode && !seen[1]->starts_episode);
  QVERIFY(seen[5]->timestamp_s >= seen[0]->timestamp_s && seen[0]->timestamp_s >= 0);
  QCOMPARE(seen[2]->rgb_static->rgb, served_input(2).rgb_static->rgb);
  QCOMPARE(seen[2]->rgb_gripper->rgb, served_input(2).rgb_gripper->rgb);
  QCOMPARE(robot->health().steps, std::int64_t{6});
}

void RobotServiceTest::a_reset_begins_an_episode() {
  Window window;
  const auto robot = window.connect();
  const auto first = robot->step(served_input(0), RunMode::policy);
  robot->step(served_input(1), RunMode::policy);
  robot->reset();
  const auto again = robot->step(served_input(0), RunMode::policy);
  QCOMPARE(difference(*again, *first), std::string());
  const auto seen = window.seen();
  QVERIFY(seen[0]->starts_episode && !seen[1]->starts_episode && seen[2]->starts_episode);
  QCOMPARE(window.robots(), 1);
}

void RobotServiceTest::refusals() {
  Window window;
  window.forget_model();
  DEER_VERIFY_ERROR(window.connect(), "no model is open in the window");
  window.describe();
  const auto robot = window.connect();
  robot->step(served_input(0), RunMode::policy);
  DEER_VERIFY_ERROR(robot->attend(served_input(0), 1), "the server at");
  const auto state = robot->state();
  QCOMPARE(state.steps, 1);
  const auto other = window.connect(lazily());
  other->restore(state);
  DEER_VERIFY_ERROR(other->step(served_input(1), RunMode::policy), "continues no rollout");
}

void RobotServiceTest::one_robot_at_a_time() {
  Window window;
  {
    const auto robot = window.connect();
    robot->step(served_input(0), RunMode::policy);
    DEER_VERIFY_ERROR(window.connect(), "another robot");
    robot->step(served_input(1), RunMode::policy);
    QCOMPARE(window.robots(), 1);
  }
  // It said goodbye.
  QTRY_VERIFY(window.is_idle());
  const auto next = window.connect();
  next->step(served_input(0), RunMode::policy);
  QCOMPARE(window.robots(), 2);
}

void RobotServiceTest::the_window_decides_the_policy() {
  Window window;
  const auto robot = window.connect();
  auto policy = robot->policy();
  policy.criterion = Criterion::fixed_exit;
  policy.fixed_layer = robot->summary().exit_layers.front();
  DEER_VERIFY_ERROR(robot->set_policy(policy), "the window decides");
  const auto lazy = window.connect(lazily());
  lazy->set_policy(policy);
  DEER_VERIFY_ERROR(lazy->step(served_input(0), RunMode::policy), "policy");
}

void RobotServiceTest::a_closed_run_ends_the_robot() {
  Window window;
  const auto robot = window.connect();
  robot->step(served_input(0), RunMode::policy);
  window.close_robot();
  DEER_VERIFY_ERROR(robot->step(served_input(1), RunMode::policy), "closed the robot's run");
  QCOMPARE(window.robots(), 1);  // it is not opened again by itself
}

void RobotServiceTest::a_paused_window_lets_the_robot_wait() {
  Window window;
  window.pause(true);
  const auto robot = window.connect();
  std::atomic<bool> answered = false;
  std::jthread asking([&] {
    robot->step(served_input(0), RunMode::policy);
    answered = true;
  });
  QTest::qWait(300);
  QVERIFY(!answered);
  window.pause(false);
  QTRY_VERIFY(answered);
}

void RobotServiceTest::an_interrupted_step_leaves_the_next_one_right() {
  Window window;
  const auto robot = window.connect();
  const auto local = Engine::load(test::kServedModel);
  window.pause_before(1);
  robot->step(served_input(0), RunMode::policy);
  local->step(served_input(0), RunMode::policy);
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  QVERIFY_THROWS_EXCEPTION(Cancelled, robot->step(served_input(7), RunMode::policy, stop.get_token()));
  QTest::qWait(300);  // the server looks ten times a second
  window.pause(false);
  const auto found = robot->step(served_input(1), RunMode::policy);
  QCOMPARE(difference(*found, *local->step(served_input(1), RunMode::policy)), std::string());
}

void RobotServiceTest::a_frame_that_the_model_cannot_take() {
  Window window;
  window.fail_at(1);
  const auto robot = window.connect();
  robot->step(served_input(0), RunMode::policy);
  DEER_VERIFY_ERROR(robot->step(served_input(1), RunMode::policy), "could not take the frame");
  robot->step(served_input(2), RunMode::policy);
}

DEER_SUITE(RobotServiceTest)

#include "tst_robot_service.moc"
