// SPDX-License-Identifier: GPL-3.0-or-later
#include <time.h>

#include <QApplication>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "core/base/error.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/session/live_session.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"
#include "tests/widgets/arm/arm_fixture.h"
#include "tests/widgets/support/recorded_dataset.h"
#include "tests/widgets/support/scene.h"
#include "widgets/arm/arm_view.h"
#include "widgets/base/theme.h"

namespace deer {

using namespace test;

namespace {

const std::filesystem::path kUrdf = DEER_SOURCE_DIR "/resources/panda/panda.urdf";

double thread_cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) * 1e3 + double(now.tv_nsec) / 1e6;
}

/// Forty frames that come by themselves; at the thirtieth the robot is put back.
class Passing final : public FrameSource {
 public:
  static constexpr int kFrames = 40, kAgain = 30;

  const SourceInfo& info() const override { return info_; }
  std::optional<std::int64_t> length() const override { return std::nullopt; }
  const std::vector<InstructionSpan>& instructions() const override { return spans_; }
  ObservationPtr read(std::int64_t) override { throw Error("a live source has no read()"); }
  ObservationPtr next(std::stop_token stop) override {
    if (next_ == kFrames || stop.stop_requested()) return nullptr;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    auto out = std::make_shared<Observation>();
    out->frame = out->frame_id = next_;
    out->rgb_static = Scene::picture(next_, 32);
    out->robot_obs = moving_robot(next_ % kAgain);
    out->starts_episode = next_ % kAgain == 0;
    ++next_;
    return out;
  }

 private:
  SourceInfo info_;
  std::vector<InstructionSpan> spans_;
  std::int64_t next_ = 0;
};

}  // namespace

class ArmViewTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init();
  void cleanup();
  void a_frame_becomes_a_state();
  void steps_are_scaled_and_paths_end_where_the_robot_was_moved();
  void without_opengl();
  void empty_states_say_why();
  void live_frames_move_the_arm();
  void other_robots();
  void joints_are_driven_by_name();
  void remembers_how_it_was();
  void buttons_are_named_and_fit();
  void scrubbing_leaves_the_gui_thread_free();

 private:
  std::unique_ptr<LogGuard> log_;
};

void ArmViewTest::init() {
  log_ = std::make_unique<LogGuard>();
  Theme::instance().set_mode(Theme::Mode::light);
}

void ArmViewTest::cleanup() {
  const auto unexpected = log_->unexpected();
  log_.reset();
  QCOMPARE(unexpected, QStringList());
}

void ArmViewTest::a_frame_becomes_a_state() {
  Scene scene;
  scene.robot_obs = moving_robot;
  const auto session = scene.session();
  QVERIFY(open_all(session.get()));
  session->set_current_frame(30);
  ArmFrames frames(session.get());
  QVERIFY(QTest::qWaitFor([&] { return frames.has_robot(30); }, kPatienceMs));
  QVERIFY(QTest::qWaitFor(
      [&] {
        const auto state = frames.state(panda_model(), 30, 5);
        return state && state->past.size() == 31 && state->recorded_path.size() == std::size_t(ArmFrames::kAhead + 1);
      },
      kPatienceMs));
  ArmModel::Posed posed;
  const auto state = frames.state(panda_model(), 30, 5, &posed);
  QVERIFY(posed.how == ArmModel::Posed::How::recorded);
  const auto obs = moving_robot(30);
  for (std::size_t i = 0; i < 7; ++i) QCOMPARE(state->joints[i], obs[7 + i]);
  QCOMPARE(state->joints[7], obs[6] / 2);
  QCOMPARE(state->opening_m, obs[6]);
  const auto record = session->record(30);
  const int taken = record->exit_index;
  QCOMPARE(state->predictions.size(), std::size_t(Scene::kExits));
  QVERIFY(state->predictions.back().executed);
  QCOMPARE(state->predictions.back().exit, taken);
  for (const auto& hand : state->predictions) {
    QCOMPARE(hand.color, Theme::instance().exit_color(hand.exit, Scene::kExits));
    QCOMPARE(hand.executed, hand.exit == taken);
    const auto arm = Scene::arm(30, hand.exit);
    for (std::size_t i = 0; i < 3; ++i) {
      QVERIFY(std::abs(hand.world_from_tcp.position[i] - (obs[i] + 5 * 0.02 * double(arm[i]))) < 1e-7);
    }
  }
  QVERIFY(state->recorded.has_value());
  QCOMPARE(state->recorded->color, Theme::instance().colors().recorded);
  // Each point of the way so far has the colour of the exit taken there.
  for (int i = 0; i <= 30; ++i) {
    const auto there = moving_robot(i);
    const auto& point = state->past[std::size_t(i)];
    QVERIFY(std::abs(point.at[0] - there[0]) + std::abs(point.at[2] - there[2]) < 1e-9);
    QCOMPARE(point.color, Theme::instance().exit_color(session->record(i)->exit_index, Scene::kExits));
  }
  // What the executed steps add up to.
  QCOMPARE(state->predicted.size(), std::size_t(ArmFrames::kAhead + 1));
  double x = obs[0];
  for (int i = 30; i < 30 + ArmFrames::kAhead; ++i) x += 0.02 * double(session->record(i)->command[0]);
  QVERIFY(std::abs(state->predicted.back().at[0] - x) < 1e-6);
  // An exit that was singled out says so.
  session->selection()->set_selected_exit(taken == 0 ? 1 : 0);
  int singled_out = 0;
  for (const auto& hand : frames.state(panda_model(), 30, 1)->predictions) singled_out += hand.singled_out;
  QCOMPARE(singled_out, 1);
}

void ArmViewTest::steps_are_scaled_and_paths_end_where_the_robot_was_moved() {
  const Vector3 from = {0.1, 0.2, 0.3}, euler = {0, 0, 0.5};
  const std::array<double, 7> step = {1, -0.5, 9, 0, 0, 0.2, 1};
  const auto once = stepped(from, euler, step, 1), often = stepped(from, euler, step, 20);
  for (std::size_t i = 0; i < 3; ++i) {
    QVERIFY(std::abs((often.position[i] - from[i]) - 20 * (once.position[i] - from[i])) < 1e-12);
  }
  QVERIFY(std::abs(once.position[2] - 0.32) < 1e-12);  // clipped to one
  QVERIFY(std::abs(angle_between(pose_from_euler(from, euler), often) - 20 * 0.01) < 1e-9);
  // At frame 50 the robot stands somewhere else: neither path leads there.
  Scene scene;
  scene.robot_obs = [](std::int64_t frame) { return moving_robot(frame < 50 ? frame : frame + 4000); };
  const auto session = scene.session();
  QVERIFY(open_all(session.get()));
  ArmFrames frames(session.get());
  for (const auto& [frame, past, ahead] : {std::tuple(45, 46, 5), std::tuple(55, 6, 46)}) {
    session->set_current_frame(frame);
    const auto found = [&, frame = frame, past = past, ahead = ahead] {
      const auto state = frames.state(panda_model(), frame, 1);
      return state && int(state->past.size()) == past && int(state->recorded_path.size()) == ahead;
    };
    QVERIFY(QTest::qWaitFor(found, kPatienceMs));
  }
  // What is no number shows nothing.
  Scene broken;
  broken.robot_obs = [](std::int64_t) {
    auto obs = moving_robot(0);
    obs[9] = std::nan("");
    return obs;
  };
  const auto bad = broken.session();
  QVERIFY(open_episode(bad.get()));
  ArmFrames none(bad.get());
  QVERIFY(!none.has_robot(0));
  QTRY_VERIFY(none.lacks_robot(0));
  QVERIFY(!none.state(panda_model(), 0, 1));
}

void ArmViewTest::without_opengl() {
  if (qEnvironmentVariable("QT_XCB_GL_INTEGRATION") != u"none") {
    return run_again("arm_view", "without_opengl", "QT_XCB_GL_INTEGRATION", "none");
  }
  log_->expect("Cannot create platform OpenGL context");
  log_->expect("XDG_RUNTIME_DIR");
  Scene scene;
  scene.robot_obs = moving_robot;
  const auto session = scene.session();
  QVERIFY(open_episode(session.get()));
  ArmView view(session.get(), kUrdf);
  show(view, 420, 320);
  QVERIFY(QTest::qWaitFor([&] { return view.is_empty() && view.empty_state()->sentence().contains("cannot be drawn"); },
                          kPatienceMs));
  QCOMPARE(view.canvas()->problem(), QStringLiteral("No OpenGL on this screen."));
  session->set_current_frame(3);
  QTest::qWait(100);
  QVERIFY(view.is_empty());
}

void ArmViewTest::empty_states_say_why() {
  Scene scene;
  const auto session = scene.session();
  ArmView view(session.get(), kUrdf);
  show(view, 420, 320);
  const auto says = [&](const char* text) {
    return QTest::qWaitFor(
        [&] { return view.is_empty() && view.empty_state()->sentence().contains(QString::fromUtf8(text)); },
        kPatienceMs);
  };
  QVERIFY(says("Open an episode to see the arm."));
  QSignalSpy asked(&view, &ArmView::open_dataset_requested);
  Q_EMIT view.empty_state()->action_triggered();
  QCOMPARE(asked.count(), 1);
  QVERIFY(open_episode(session.get()));
  QVERIFY(says("No robot pose in this source"));
  QVERIFY(view.empty_state()->action().isEmpty());

  Scene broken;
  broken.robot_obs = moving_robot;
  broken.bad_frame = 7;
  const auto other = broken.session();
  ArmView with_robot(other.get(), kUrdf);
  show(with_robot, 420, 320);
  QVERIFY(open_episode(other.get()));
  QVERIFY(QTest::qWaitFor([&] { return !with_robot.is_empty() && with_robot.canvas()->is_settled(); }, kPatienceMs));
  other->set_current_frame(7);
  QVERIFY(QTest::qWaitFor([&] { return with_robot.is_empty(); }, kPatienceMs));
  QCOMPARE(with_robot.empty_state()->sentence(), QStringLiteral("Frame 7 cannot be read."));
  other->set_current_frame(8);
  QVERIFY(QTest::qWaitFor([&] { return !with_robot.is_empty() && with_robot.canvas()->is_settled(); }, kPatienceMs));
  check_picture(*with_robot.canvas());
  // Pointing at a frame elsewhere shows it here.
  other->selection()->set_hovered_frame(50);
  const auto tcp = world_from_tcp_observed(moving_robot(50)).position;
  QVERIFY(QTest::qWaitFor([&] { return with_robot.canvas()->state()->world_from_tcp.position == tcp; }, kPatienceMs));

  ArmView without(session.get(), "/no/such/panda.urdf");
  show(without, 420, 320);
  QVERIFY(QTest::qWaitFor([&] { return without.empty_state()->sentence().contains("cannot be read"); }, kPatienceMs));
}

void ArmViewTest::live_frames_move_the_arm() {
  Scene scene;
  const auto session = scene.session();
  ArmView view(session.get(), kUrdf);
  show(view, 420, 320);
  session->live()->open("passing", [] {
    LiveSource live;
    live.frames = std::make_shared<Passing>();
    return live;
  });
  const auto last = world_from_tcp_observed(moving_robot(Passing::kFrames - 1 - Passing::kAgain)).position;
  QVERIFY(QTest::qWaitFor(
      [&] {
        return session->frame_count() == Passing::kFrames && view.canvas()->state() &&
               view.canvas()->state()->world_from_tcp.position == last && view.canvas()->is_settled();
      },
      kPatienceMs));
  check_picture(*view.canvas());
  // The way since it was put back, and nothing of what is to come.
  QCOMPARE(view.canvas()->state()->past.size(), std::size_t(Passing::kFrames - Passing::kAgain));
  QCOMPARE(view.canvas()->state()->recorded_path.size(), std::size_t(1));
  QVERIFY(view.canvas()->state()->predictions.empty());
}

void ArmViewTest::joints_are_driven_by_name() {
  RecordingSchema schema;
  schema.robot = "so101_follower";
  schema.series = {{"observation.state", {"shoulder_pan.pos", "elbow_flex.pos", "gripper.pos"}}};
  Session session(EngineFactory(), MadeRecording::opener(schema));
  ArmView view(&session, kUrdf);
  show(view, 420, 320);
  session.open_source("/data/made");
  QVERIFY(QTest::qWaitFor(
      [&] { return view.is_empty() && view.empty_state()->sentence().contains("no joints named like"); }, kPatienceMs));
  const TemporaryFolder folder;
  const auto joint = [](const char* name, const char* from, const char* to, const char* kind) {
    return std::string("<joint name='") + name + "' type='" + kind + "'><parent link='" + from + "'/><child link='" +
           to +
           "'/><origin xyz='0.1 0 0.1'/><axis xyz='0 0 1'/><limit lower='-1' upper='3' effort='1' "
           "velocity='1'/></joint>"
           "<link name='" +
           to + "'><visual><geometry><box size='0.05 0.05 0.1'/></geometry></visual></link>";
  };
  view.open_robot(folder.write(
      "small.urdf", "<robot name='small'><link name='base'/>" + joint("shoulder_pan", "base", "a", "revolute") +
                        joint("elbow_flex", "a", "b", "revolute") + joint("wrist_roll", "b", "tcp", "revolute") +
                        joint("gripper", "tcp", "jaw", "revolute") + "</robot>"));
  QVERIFY(QTest::qWaitFor([&] { return !view.is_empty() && view.canvas()->is_settled(); }, kPatienceMs));
  session.set_current_frame(20);
  // Degrees, and the gripper in percent of its way from -1 to 3: so LeRobot's recorder stores them.
  QVERIFY(QTest::qWaitFor([&] { return std::abs(view.canvas()->state()->joints[0] - 2 * M_PI / 180) < 1e-9; },
                          kPatienceMs));
  const auto state = view.canvas()->state();
  QVERIFY(std::abs(state->joints[1] - 12 * M_PI / 180) < 1e-9);
  QCOMPARE(state->joints[2], 0.0);
  QVERIFY(std::abs(state->joints[3] - (-1 + 4 * 0.22)) < 1e-9);
  QVERIFY(!state->knows_opening);
  QVERIFY(view.canvas()->notes().join(u' ').contains("wrist_roll"));
  const auto tcp = kSceneDWorldFromBase * view.model()->robot().base_from_link("tcp", state->joints);
  QCOMPARE(state->world_from_tcp.position, tcp.position);
}

void ArmViewTest::other_robots() {
  Scene scene;
  scene.robot_obs = moving_robot;
  const auto session = scene.session();
  ArmView view(session.get(), kUrdf);
  show(view, 420, 320);
  QVERIFY(open_episode(session.get()));
  QVERIFY(QTest::qWaitFor([&] { return !view.is_empty(); }, kPatienceMs));
  QSignalSpy changed(&view, &ArmView::robot_changed), failed(&view, &ArmView::robot_failed);
  const TemporaryFolder folder;
  view.open_robot(folder.write("broken.urdf", "<robot"));
  QVERIFY(QTest::qWaitFor([&] { return failed.count() == 1; }, kPatienceMs));
  QVERIFY(failed[0][0].value<Problem>().details.contains("broken.urdf"));
  QCOMPARE(view.model()->robot().name(), std::string("panda"));
  view.open_robot(folder.write("still.urdf", "<robot name='s'><link name='a'/></robot>"));
  QVERIFY(QTest::qWaitFor([&] { return failed.count() == 2; }, kPatienceMs));
  QVERIFY(failed[1][0].value<Problem>().details.contains("no joint moves link 'a'"));
  // An arm of six joints with a mesh that is there and one that is not: posed by inverse kinematics.
  folder.write(
      "m/cube.obj",
      "v 0 0 0\nv 0.1 0 0\nv 0.1 0.1 0\nv 0 0.1 0\nv 0 0 0.1\nv 0.1 0 0.1\nv 0.1 0.1 0.1\nv 0 0.1 0.1\n"
      "f 1 3 2\nf 1 4 3\nf 5 6 7\nf 5 7 8\nf 1 2 6\nf 1 6 5\nf 3 4 8\nf 3 8 7\nf 2 3 7\nf 2 7 6\nf 4 1 5\nf 4 5 8\n");
  std::string six = "<robot name='six'><link name='l0'/>";
  const char* const axes[] = {"0 0 1", "0 1 0", "0 1 0", "0 0 1", "0 1 0", "0 0 1"};
  const char* const origins[] = {"0 0 0.3", "0 0 0", "0 0 0.4", "0 0 0.4", "0 0 0", "0 0 0.1"};
  for (int i = 0; i < 6; ++i) {
    const auto n = std::to_string(i), next = std::to_string(i + 1);
    six += "<link name='l" + next + "'><visual><geometry><mesh filename='" + (i == 3 ? "m/gone.stl" : "m/cube.obj") +
           "'/></geometry></visual></link><joint name='j" + n + "' type='continuous'><parent link='l" + n +
           "'/><child link='l" + next + "'/><origin xyz='" + origins[i] + "'/><axis xyz='" + axes[i] + "'/></joint>";
  }
  view.open_robot(folder.write("six.urdf", six + "</robot>"));
  QVERIFY(QTest::qWaitFor([&] { return changed.count() == 1; }, kPatienceMs));
  QCOMPARE(view.model()->problems().size(), std::size_t(1));
  QVERIFY(view.model()->problems()[0].find("m/gone.stl") != std::string::npos);
  QVERIFY(QTest::qWaitFor([&] { return view.canvas()->state()->model == view.model() && view.canvas()->is_settled(); },
                          kPatienceMs));
  QVERIFY(!view.model()->takes_seven_joints());
  ArmModel::Posed posed;
  ArmFrames frames(session.get());
  QVERIFY(QTest::qWaitFor([&] { return frames.has_robot(0); }, kPatienceMs));
  QVERIFY(frames.state(view.model(), 0, 1, &posed));
  QVERIFY(posed.how == ArmModel::Posed::How::computed);
  const auto reached = kSceneDWorldFromBase * view.model()->robot().base_from_link("l6", posed.joints);
  const auto wanted = world_from_tcp_observed(moving_robot(0));
  QVERIFY(std::hypot(reached.position[0] - wanted.position[0], reached.position[1] - wanted.position[1],
                     reached.position[2] - wanted.position[2]) < 1e-4);
  // Recorded joints that do not lead to the recorded pose are not believed.
  auto lying = moving_robot(0);
  lying[7] += 0.5;
  QVERIFY(panda_model()->pose(lying, kSceneDWorldFromBase, {}).how == ArmModel::Posed::How::computed);
  lying[0] = 5;
  const auto far = panda_model()->pose(lying, kSceneDWorldFromBase, {});
  QVERIFY(far.how == ArmModel::Posed::How::nearest);
  QVERIFY(far.error_m > 3);
}

void ArmViewTest::remembers_how_it_was() {
  Scene scene;
  const auto session = scene.session();
  ArmView view(session.get(), kUrdf), again(session.get(), kUrdf);
  view.set_preset(ArmCamera::Preset::top);
  view.set_step_scale(20);
  auto camera = view.canvas()->camera();
  camera.orbit(12, -20);
  view.canvas()->set_camera(camera);
  const auto saved = view.save_state();
  QSignalSpy changed(&again, &ArmView::settings_changed);
  again.restore_state(saved);
  QVERIFY(changed.count() > 0);
  QCOMPARE(again.step_scale(), 20.0);
  QVERIFY(again.canvas()->preset() == ArmCamera::Preset::top);
  QCOMPARE(again.canvas()->camera(), camera);
  // Anything else changes nothing.
  for (int cut = 0; cut < saved.size(); ++cut) again.restore_state(saved.left(cut));
  for (int at = 0; at < saved.size(); ++at) {
    auto damaged = saved;
    damaged[at] = char(~damaged[at]);
    again.restore_state(damaged);
    QVERIFY(std::isfinite(again.canvas()->camera().distance_m) && again.canvas()->camera().distance_m >= 0.05);
  }
  again.set_step_scale(3);
  QVERIFY(again.step_scale() != 3);
}

void ArmViewTest::buttons_are_named_and_fit() {
  Scene scene;
  scene.robot_obs = moving_robot;
  const auto session = scene.session();
  ArmView view(session.get(), kUrdf);
  show(view, 420, 320);
  QVERIFY(open_episode(session.get()));
  QVERIFY(QTest::qWaitFor([&] { return !view.is_empty() && view.canvas()->is_settled(); }, kPatienceMs));
  QVERIFY(!view.accessibleName().isEmpty() && !view.canvas()->accessibleName().isEmpty());
  for (auto* const button : view.findChildren<QToolButton*>()) {
    QVERIFY(!button->accessibleName().isEmpty() && !button->toolTip().isEmpty());
    QVERIFY(button->isVisible());
    QVERIFY(view.canvas()->rect().contains(button->geometry()));
    QVERIFY(button->width() >= button->minimumSizeHint().width());
  }
  view.resize(170, 150);
  QVERIFY(QTest::qWaitFor([&] { return view.canvas()->width() == 170 && view.canvas()->is_settled(); }, kPatienceMs));
  for (auto* const button : view.findChildren<QToolButton*>()) {
    if (button->isVisible()) QVERIFY(view.canvas()->rect().contains(button->geometry()));
  }
}

void ArmViewTest::scrubbing_leaves_the_gui_thread_free() {
  Scene scene;
  scene.robot_obs = moving_robot;
  const auto session = scene.session();
  QVERIFY(open_all(session.get()));
  ArmView view(session.get(), kUrdf);
  show(view, 480, 360);
  for (qint64 frame = 0; frame < session->frame_count(); ++frame) {
    QVERIFY(QTest::qWaitFor([&] { return session->frames()->observation(frame) != nullptr; }, kPatienceMs));
  }
  QVERIFY(QTest::qWaitFor([&] { return !view.is_empty() && view.canvas()->is_settled(); }, kPatienceMs));
  std::vector<double> gui, drawn;
  connect(view.canvas(), &ArmCanvas::drawn, this, [&] { drawn.push_back(view.canvas()->last_draw_ms()); });
  for (qint64 frame = 1; frame < session->frame_count(); ++frame) {
    const auto shown = drawn.size();
    const double before = thread_cpu_ms();
    session->set_current_frame(frame);
    QVERIFY(QTest::qWaitFor([&] { return drawn.size() > shown; }, kPatienceMs));
    QCoreApplication::processEvents();
    gui.push_back(thread_cpu_ms() - before);
  }
  disconnect(view.canvas(), &ArmCanvas::drawn, this, nullptr);
  std::sort(gui.begin(), gui.end());
  std::sort(drawn.begin(), drawn.end());
  const auto at = [](const std::vector<double>& values, double share) {
    return values[std::min(values.size() - 1, std::size_t(share * double(values.size())))];
  };
  qInfo("GUI thread: median %.2f ms, 95 %% %.2f ms of CPU time a frame; a picture: median %.1f ms, 95 %% %.1f ms",
        at(gui, 0.5), at(gui, 0.95), at(drawn, 0.5), at(drawn, 0.95));
  QVERIFY(at(gui, 0.95) <= 16);
}

}  // namespace deer

DEER_SUITE(deer::ArmViewTest)

#include "tst_arm_view.moc"
