// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <chrono>
#include <cmath>
#include <thread>

#include "core/sim/chain_runner.h"
#include "core/sim/expert.h"
#include "core/sim/simulated_source.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

SimulatedSourceOptions asked_for(const std::string& instruction, int max_steps = 360) {
  SimulatedSourceOptions options;
  options.instruction = instruction;
  options.max_steps = max_steps;
  options.real_time = false;
  options.seed = 11;
  return options;
}

constexpr const char* kFalling = R"(<mujoco>
  <worldbody>
    <light pos="0 0 3"/>
    <camera name="overview" pos="0 -2 1" xyaxes="1 0 0 0 0.4 1"/>
    <geom type="plane" size="2 2 0.1" rgba="0.3 0.3 0.3 1"/>
    <body pos="0 0 1"><freejoint/><geom type="sphere" size="0.2" rgba="1 0 0 1"/></body>
  </worldbody>
</mujoco>)";

// Mean row of the red pixels; -1 if there are fewer than 200.
double red_row(const Image& image) {
  double sum = 0;
  int count = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const auto* pixel = image.rgb.data() + 3 * (y * image.width + x);
      if (pixel[0] < 80 || pixel[1] > 60) continue;
      sum += y;
      ++count;
    }
  }
  return count < 200 ? -1 : sum / count;
}

}  // namespace

class TestSimulatedSource : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void shows_the_table() {
    const auto source = SimulatedSource::open(asked_for("turn_on_led"));
    QCOMPARE(source->info().kind, "simulator"s);
    QVERIFY(!source->length());
    QVERIFY(source->instructions().empty());
    DEER_VERIFY_ERROR(source->read(0), "is live");
    const auto first = source->next({});
    QCOMPARE(first->rgb_static->width, 200);
    QCOMPARE(first->rgb_gripper->height, 84);
    QCOMPARE(first->instruction, task_named("turn_on_led").instructions.front());
    QVERIFY(first->starts_episode);
    QVERIFY(first->robot_obs && first->scene_obs);
    QCOMPARE((*first->scene_obs)[5], 0.0);
    const auto second = source->next({});
    QCOMPARE(second->frame, 1);
    QVERIFY(!second->starts_episode);
    std::stop_source stop;
    stop.request_stop();
    QVERIFY(source->next(stop.get_token()) == nullptr);
  }

  void commands_move_the_arm() {
    const auto source = SimulatedSource::open(asked_for("open the drawer"));
    const auto before = source->next({});
    for (int i = 0; i < 10; ++i) {
      source->act({0, 0, 0.5F, 0, 0, 0, 1});
      source->next({});
    }
    const auto after = source->next({});
    const double risen = (*after->robot_obs)[2] - (*before->robot_obs)[2];
    QVERIFY2(risen > 0.06 && risen < 0.11, qPrintable(QString::number(risen)));
    // Without a command it holds: what moves is what is left of the last motion.
    for (int i = 0; i < 10; ++i) source->next({});
    const auto held = source->next({});
    QVERIFY(std::abs((*source->next({})->robot_obs)[2] - (*held->robot_obs)[2]) < 5e-4);
  }

  void success_brings_a_new_table() {
    const auto source = SimulatedSource::open(asked_for("push the switch to turn on the yellow light"));
    const auto& task = task_named("turn_on_lightbulb");
    // The same table beside it tells the expert its state.
    PlayTableOptions blind;
    blind.cameras = false;
    PlayTable twin(blind);
    lay_table_for(twin, task, derived_seed(11, 0));
    const Expert expert(task, twin.state());
    auto seen = source->next({});
    bool again = false;
    for (int i = 0; i < 200 && !again; ++i) {
      QVERIFY2(*seen->scene_obs == twin.scene_obs(), qPrintable(QString::number(i)));
      // Numbers that single precision holds exactly.
      auto action = expert.act(twin.state());
      std::array<float, 7> command{};
      for (std::size_t k = 0; k < action.size(); ++k) {
        action[k] = std::round(action[k] * 1024) / 1024;
        command[k] = static_cast<float>(action[k]);
      }
      source->act(command);
      twin.step(action);
      seen = source->next({});
      again = seen->starts_episode;
    }
    QVERIFY(again);
    QCOMPARE(source->status().successes, 1);
    QCOMPARE(source->status().failures, 0);
    QCOMPARE(source->status().step, 0);
    QCOMPARE((*seen->scene_obs)[4], 0.0);
  }

  void failure_too_unless_the_table_stays() {
    auto options = asked_for("lift_blue_block_table", 3);
    const auto changing = SimulatedSource::open(options);
    options.new_tables = false;
    const auto staying = SimulatedSource::open(options);
    for (const auto& source : {changing, staying}) {
      const auto first = source->next({});
      for (int i = 0; i < 2; ++i) QVERIFY(!source->next({})->starts_episode);
      const auto fourth = source->next({});
      QVERIFY(fourth->starts_episode);
      QCOMPARE(source->status().failures, 1);
      const double moved = std::abs((*fourth->scene_obs)[6] - (*first->scene_obs)[6]);
      QCOMPARE(moved > 1e-3, source == changing);
    }
  }

  void instructions_change_on_the_way() {
    const auto source = SimulatedSource::open(asked_for("open_drawer"));
    source->next({});
    QCOMPARE(source->status().task, "open_drawer"s);
    source->instruct("dance a little");
    const auto seen = source->next({});
    QVERIFY(seen->starts_episode);
    QCOMPARE(seen->instruction, "dance a little"s);
    QCOMPARE(source->status().task, ""s);
    // A task that this table does not allow needs another one, here with a stack on it.
    source->instruct("unstack_block");
    const auto stack = source->next({});
    QVERIFY(stack->starts_episode);
    double highest = 0;
    for (const std::size_t z : {8, 14, 20}) highest = std::max(highest, (*stack->scene_obs)[z]);
    QVERIFY2(highest > 0.50, qPrintable(QString::number(highest)));
  }

  void every_task_can_be_begun() {
    PlayTableOptions blind;
    blind.cameras = false;
    PlayTable table(blind);
    for (const Task& task : tasks_of(TaskSuite::calvin)) {
      lay_table_for(table, task, 5);
      QVERIFY2(possible(task, table.state()), task.name.c_str());
    }
  }

  void keeps_to_real_time() {
    auto options = asked_for("");
    options.real_time = true;
    const auto source = SimulatedSource::open(options);
    source->next({});
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 6; ++i) source->next({});
    const auto passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    QVERIFY2(passed > 0.17, qPrintable(QString::number(passed)));
    // A stop does not wait for the frame to be due.
    std::stop_source stop;
    std::jthread stopper([&] { stop.request_stop(); });
    while (source->next(stop.get_token()) != nullptr) {
    }
  }

  void shows_any_scene() {
    const TemporaryFolder folder;
    const auto file = folder.write("ball.xml", std::string_view(kFalling));
    SceneSourceOptions options;
    options.real_time = false;
    options.static_camera = "top";
    DEER_VERIFY_ERROR(open_scene(file, options), "has no camera 'top'; it has overview");
    options.static_camera.clear();
    const auto source = open_scene(file, options);
    QCOMPARE(source->info().title, std::string("ball.xml, camera overview"));
    QVERIFY(!source->info().has_gripper_camera);
    const auto first = source->next({});
    QVERIFY(first->starts_episode && !first->rgb_gripper && !first->robot_obs);
    ObservationPtr last;
    for (int i = 0; i < 30; ++i) last = source->next({});
    QVERIFY(std::abs(last->timestamp_s - 1.0) < 0.05);
    // The ball has fallen.
    QVERIFY(red_row(*first->rgb_static) > 0);
    QVERIFY(red_row(*last->rgb_static) > red_row(*first->rgb_static) + 30);
    DEER_VERIFY_ERROR(open_scene(folder / "none.xml", options), "no such file");
    DEER_VERIFY_ERROR(open_scene(folder.write("bad.xml", std::string_view("<mujoco><worldbody>")), options), "bad.xml");
    const std::string newer = "<mujoco><worldbody><body gravcomp='1'/><body humour='1'/></worldbody></mujoco>";
    DEER_VERIFY_ERROR(open_scene(folder.write("newer.xml", newer), options),
                      "is installed; the file may need a newer one");
  }

  // The cameras that a scene has, and a buffer of the size that is drawn.
  void cameras_of_a_scene_are_chosen() {
    const TemporaryFolder folder;
    const auto scene = [&](const std::string& cameras, int buffer) {
      const auto size = std::to_string(buffer);
      SceneSourceOptions options;
      options.real_time = false;
      return open_scene(folder.write("scene.xml", "<mujoco><visual><global offwidth='" + size + "' offheight='" + size +
                                                      "'/></visual><worldbody><light pos='0 0 3'/>" + cameras +
                                                      "<geom type='plane' size='2 2 .1' rgba='.6 .6 .6 1'/>"
                                                      "<geom type='box' size='.2 .2 .2' pos='0 0 .2' rgba='1 0 0 1'/>"
                                                      "</worldbody></mujoco>"),
                        options);
    };
    const auto camera = [](const std::string& name) {
      return "<camera name='" + name + "' pos='1 -1 1' xyaxes='.707 .707 0 -.4 .4 .8'/>";
    };
    const auto both = scene(camera("robot0_eye_in_hand") + camera("birdview") + camera("frontview"), 64);
    QCOMPARE(both->info().title, std::string("scene.xml, camera frontview"));
    QVERIFY(both->info().has_gripper_camera);
    const auto seen = both->next({});
    QCOMPARE(seen->rgb_static->width, 200);
    QVERIFY(red_row(*seen->rgb_static) > 0);
    QVERIFY(seen->rgb_gripper);
    QCOMPARE(scene(camera("wrist_cam") + camera("x"), 8192)->info().title, std::string("scene.xml, camera x"));
    // Without any: a free camera that has the scene in view.
    const auto free = scene("", 100);
    QCOMPARE(free->info().title, std::string("scene.xml"));
    QVERIFY(red_row(*free->next({})->rgb_static) > 0);
  }
};

DEER_SUITE(TestSimulatedSource)
#include "tst_simulated_source.moc"
