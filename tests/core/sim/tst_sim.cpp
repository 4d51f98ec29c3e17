// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <set>

#include "core/base/error.h"
#include "core/robot/action.h"
#include "core/robot/panda.h"
#include "core/sim/arm_controller.h"
#include "core/sim/expert.h"
#include "core/sim/mujoco_scene.h"
#include "core/sim/play_table.h"
#include "core/sim/play_table_xml.h"
#include "core/sim/random.h"
#include "core/sim/table_layout.h"
#include "tests/support/suite.h"

using namespace deer;

namespace {

double distance(const Vector3& a, const Vector3& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

PlayTable table_without_cameras() { return PlayTable({.vary_appearance = true, .shadows = false, .cameras = false}); }

MujocoScene play_table_scene() { return MujocoScene::parse(kPlayTableXml, "play_table.xml"); }

Vector3 geom_position(const MujocoScene& scene, const char* name) {
  const int geom = scene.index(mjOBJ_GEOM, name);
  const mjtNum* at = scene.data().geom_xpos + 3 * geom;
  return {at[0], at[1], at[2]};
}

// One try of a task. Returns the steps it took, 0 if it failed.
int try_task(PlayTable& table, const Task& task, int limit = 240) {
  const TableState start = table.state();
  const Expert expert(task, start);
  for (int step = 1; step <= limit; ++step) {
    table.step(expert.act(table.state()));
    if (succeeded(task, start, table.state())) return step;
  }
  return 0;
}

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(a.rgb[i] - b.rgb[i]);
  return sum / static_cast<double>(a.rgb.size());
}

// Pixels in which blue rules.
int blue_pixels(const Image& image) {
  int count = 0;
  for (std::size_t i = 0; i + 2 < image.rgb.size(); i += 3) {
    if (image.rgb[i + 2] > 90 && image.rgb[i] < image.rgb[i + 2] / 2 && image.rgb[i + 1] < image.rgb[i + 2] / 2)
      ++count;
  }
  return count;
}

}  // namespace

class TestSim : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void layout_is_the_scenes() {
    auto scene = play_table_scene();
    mj_forward(&scene.model(), &scene.data());
    const auto near = [](const Vector3& a, const Vector3& b) { return distance(a, b) < 0.012; };
    QVERIFY(near(geom_position(scene, "slider_handle"), kSliderHandle));
    QVERIFY(near(geom_position(scene, "drawer_handle"), kDrawerHandle));
    const int top = scene.index(mjOBJ_GEOM, "table_top");
    QCOMPARE(geom_position(scene, "table_top")[2] + scene.model().geom_size[3 * top + 2], kTableTop);
    const auto travel = [&](const char* joint) {
      return scene.model().jnt_range[2 * scene.index(mjOBJ_JOINT, joint) + 1];
    };
    QCOMPARE(travel("slider"), kSliderTravel);
    QCOMPARE(travel("drawer"), kDrawerTravel);
    QCOMPARE(travel("lever"), kLeverTravel);
    QCOMPARE(travel("button"), kButtonTravel);
    QCOMPARE(scene.model().geom_size[3 * scene.index(mjOBJ_GEOM, "red")], kBlockHalf);
  }

  void arm_is_the_urdfs() {
    const auto panda = RobotModel::load(DEER_SOURCE_DIR "/resources/panda/panda.urdf");
    auto scene = play_table_scene();
    const ArmController arm(scene);
    Random random(7, Random::Stream::choice);
    for (int i = 0; i < 50; ++i) {
      ArmController::Joints joints{};
      for (std::size_t k = 0; k < joints.size(); ++k) joints[k] = ArmController::kHome[k] + random.uniform(-0.6, 0.6);
      arm.set_joints(scene.data(), joints);
      mj_kinematics(&scene.model(), &scene.data());
      RobotObs obs{};
      std::copy(joints.begin(), joints.end(), obs.begin() + 7);
      const Pose expected = world_from_tcp_computed(panda, obs);
      const Pose found = arm.world_from_tcp(scene.data());
      QVERIFY(distance(found.position, expected.position) < 1e-6);
      QVERIFY(angle_between(found, expected) < 1e-6);
    }
  }

  void inverse_kinematics_reach_the_table() {
    auto scene = play_table_scene();
    const ArmController arm(scene);
    Random random(3, Random::Stream::choice);
    for (int i = 0; i < 50; ++i) {
      const Vector3 place = {random.uniform(-0.3, 0.2), random.uniform(-0.3, 0.03), random.uniform(0.45, 0.6)};
      const Pose target = pose_from_euler(place, {std::numbers::pi, 0, std::numbers::pi / 2});
      const auto joints = arm.solve(target, ArmController::kHome, scene.data(), 60);
      arm.set_joints(scene.data(), joints);
      mj_kinematics(&scene.model(), &scene.data());
      const Pose found = arm.world_from_tcp(scene.data());
      QVERIFY2(distance(found.position, place) < 2e-3, qPrintable(QString::number(distance(found.position, place))));
      QVERIFY(angle_between(found, target) < 0.01);
    }
  }

  void actions_mean_what_calvins_mean() {
    auto table = table_without_cameras();
    table.reset(4);
    const Vector3 before = table.state().world_from_tcp.position;
    const auto target = table.target();
    for (int i = 0; i < 3; ++i) table.step({0.5, -0.25, 0.5, 0, 0, 0, 1});
    for (int i = 0; i < 3; ++i) table.step({0, 0, 0, 0, 0, 0, 1});
    const Vector3 expected = {before[0] + 3 * 0.5 * kMetresPerUnit, before[1] - 3 * 0.25 * kMetresPerUnit,
                              before[2] + 3 * 0.5 * kMetresPerUnit};
    QVERIFY(distance(table.state().world_from_tcp.position, expected) < 2e-3);
    QVERIFY(std::abs(table.target()[0] - target[0] - 3 * 0.5 * kMetresPerUnit) < 1e-9);
    const double yaw = euler_xyz(table.state().world_from_tcp)[2];
    for (int i = 0; i < 4; ++i) table.step({0, 0, 0, 0, 0, 1, -1});
    for (int i = 0; i < 3; ++i) table.step({0, 0, 0, 0, 0, 0, -1});
    QVERIFY(std::abs(wrap_angle(euler_xyz(table.state().world_from_tcp)[2] - yaw) - 4 * kRadiansPerUnit) < 0.02);
    QVERIFY(table.state().gripper_opening < 0.002);
    const auto obs = table.robot_obs();
    QCOMPARE(obs[14], -1.0);
    QCOMPARE(obs[6], table.state().gripper_opening);
    QVERIFY(distance({obs[0], obs[1], obs[2]}, table.state().world_from_tcp.position) < 1e-12);
  }

  void wild_actions_do_no_harm() {
    auto table = table_without_cameras();
    table.reset(1);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double inf = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 30; ++i) table.step({0, 0, -1, 0, 0, 0, -1});  // into the table
    for (int i = 0; i < 30; ++i) table.step({nan, inf, -inf, 1e300, -1, 1, nan});
    for (const double value : table.robot_obs()) QVERIFY(std::isfinite(value));
    for (const double value : table.scene_obs()) QVERIFY(std::isfinite(value));
    QVERIFY(table.state().world_from_tcp.position[2] > 0.3);
  }

  void same_seed_same_world() {
    auto first = table_without_cameras();
    auto second = table_without_cameras();
    second.reset(99);
    second.step({1, 1, 1, 0, 0, 0, -1});
    for (auto* table : {&first, &second}) {
      table->reset(12);
      for (int i = 0; i < 40; ++i) table->step({0.4, 0.3, -0.9, 0, 0, 0.2, i < 20 ? 1.0 : -1.0});
    }
    QVERIFY(first.robot_obs() == second.robot_obs());
    QVERIFY(first.scene_obs() == second.scene_obs());
    second.reset(13);
    QVERIFY(first.scene_obs() != second.scene_obs());
  }

  void a_seed_gives_the_table_it_always_gave() {
    auto table = table_without_cameras();
    const auto near = [&](std::initializer_list<double> expected, double tolerance) {
      return std::ranges::equal(table.scene_obs(), expected,
                                [&](double a, double b) { return std::abs(a - b) < tolerance; });
    };
    table.reset(12);
    QVERIFY(near({0.280000, 0.220000, 0.000000,  0.088000,  1.000000,  1.000000,  0.098209, -0.121061,
                  0.462482, 0.000000, 0.000000,  -0.181476, -0.046560, -0.035191, 0.462482, 0.000000,
                  0.000000, 0.132648, -0.191366, -0.085761, 0.462482,  0.000000,  0.000000, -0.312569},
                 1e-4));
    table.scatter(7);
    QVERIFY(near({0.000000, 0.220000, 0.000000,  0.088000,  1.000000,  1.000000,  -0.026608, -0.097272,
                  0.462500, 0.000000, 0.000000,  0.004498,  -0.035168, -0.118450, 0.462500,  0.000000,
                  0.000000, 0.298621, -0.081521, -0.088403, 0.462500,  0.000000,  0.000000,  0.700924},
                 1e-5));
  }

  void initial_table_is_as_asked() {
    auto table = table_without_cameras();
    for (int bits = 0; bits < 16; ++bits) {
      const InitialTable wanted = {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
      table.reset(wanted, 5);
      QCOMPARE(table.state().slider > kSliderTravel / 2, wanted.slider_left);
      QCOMPARE(table.state().drawer > kDrawerTravel / 2, wanted.drawer_open);
      QCOMPARE(table.state().bulb_on, wanted.bulb_on);
      QCOMPARE(table.state().led_on, wanted.led_on);
      for (const bool touches : table.state().touches_table) QVERIFY(touches);
    }
  }

  void experts_solve_their_tasks() {
    auto table = table_without_cameras();
    std::map<std::string, std::pair<int, int>> score;  // tries, successes
    Random random(1, Random::Stream::choice);
    for (std::uint64_t seed = 5000; seed < 5060; ++seed) {
      table.reset(seed);
      for (int k = 0; k < 6; ++k) {
        const Task* rarest = nullptr;
        double least = 1e9;
        for (const Task& task : tasks_of(TaskSuite::calvin)) {
          const double rank = score[task.name].first + random.unit();
          if (possible(task, table.state()) && rank < least) {
            least = rank;
            rarest = &task;
          }
        }
        if (rarest == nullptr) break;
        ++score[rarest->name].first;
        if (try_task(table, *rarest) == 0) break;
        ++score[rarest->name].second;
      }
    }
    int tries = 0;
    int successes = 0;
    for (const Task& task : tasks_of(TaskSuite::calvin)) {
      const auto [tried, done] = score[task.name];
      QVERIFY2(tried >= 4, qPrintable(QString::fromStdString(task.name + " was tried too seldom")));
      QVERIFY2(done + 1 >= tried, qPrintable(QString("%1: %2 of %3").arg(task.name.c_str()).arg(done).arg(tried)));
      tries += tried;
      successes += done;
    }
    qInfo("experts: %d of %d", successes, tries);
    QVERIFY(successes >= 0.97 * tries);
  }

  void a_try_that_does_nothing_fails() {
    auto table = table_without_cameras();
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      table.reset(seed);
      const TableState start = table.state();
      for (int i = 0; i < 30; ++i) table.step({0, 0, 0, 0, 0, 0, 1});
      for (const Task& task : tasks_of(TaskSuite::calvin)) {
        if (possible(task, start)) QVERIFY2(!succeeded(task, start, table.state()), task.name.c_str());
      }
    }
  }

  void another_tasks_deed_is_no_success() {
    auto table = table_without_cameras();
    table.reset({.slider_left = false, .drawer_open = false, .bulb_on = false, .led_on = false}, 8);
    const TableState start = table.state();
    QVERIFY(try_task(table, task_named("open_drawer")) > 0);
    QVERIFY(succeeded(task_named("open_drawer"), start, table.state()));
    for (const char* other : {"close_drawer", "move_slider_left", "turn_on_led", "turn_on_lightbulb",
                              "push_red_block_left", "lift_blue_block_table", "rotate_pink_block_right"}) {
      QVERIFY2(!succeeded(task_named(other), start, table.state()), other);
    }
    QVERIFY(!possible(task_named("open_drawer"), table.state()));
    // Success comes at 0.12 m: a little more, and there is room to close it by as much.
    const Expert expert(task_named("open_drawer"), start);
    for (int i = 0; i < 5; ++i) table.step(expert.act(table.state()));
    QVERIFY(possible(task_named("close_drawer"), table.state()));
  }

  void a_block_is_held_by_friction() {
    auto table = table_without_cameras();
    table.reset(21);
    const Task& lift = task_named("lift_red_block_table");
    QVERIFY(possible(lift, table.state()));
    QVERIFY(try_task(table, lift) > 0);
    QVERIFY(possible(task_named("stack_block"), table.state()) || table.state().touches_both_fingers[0]);
    const double held = table.state().block(Block::red).position[2];
    for (int i = 0; i < 30; ++i) table.step({0, 0, 0, 0, 0, 0, -1});
    QVERIFY(std::abs(table.state().block(Block::red).position[2] - held) < 0.01);
    for (int i = 0; i < 20; ++i) table.step({0, 0, 0, 0, 0, 0, 1});
    QVERIFY(table.state().block(Block::red).position[2] < held - 0.02);
  }

  void tasks_are_calvins() {
    const std::set<std::string> calvin = {"rotate_red_block_right",
                                          "rotate_red_block_left",
                                          "rotate_blue_block_right",
                                          "rotate_blue_block_left",
                                          "rotate_pink_block_right",
                                          "rotate_pink_block_left",
                                          "push_red_block_right",
                                          "push_red_block_left",
                                          "push_blue_block_right",
                                          "push_blue_block_left",
                                          "push_pink_block_right",
                                          "push_pink_block_left",
                                          "move_slider_left",
                                          "move_slider_right",
                                          "open_drawer",
                                          "close_drawer",
                                          "lift_red_block_table",
                                          "lift_red_block_slider",
                                          "lift_red_block_drawer",
                                          "lift_blue_block_table",
                                          "lift_blue_block_slider",
                                          "lift_blue_block_drawer",
                                          "lift_pink_block_table",
                                          "lift_pink_block_slider",
                                          "lift_pink_block_drawer",
                                          "place_in_slider",
                                          "place_in_drawer",
                                          "stack_block",
                                          "unstack_block",
                                          "turn_on_lightbulb",
                                          "turn_off_lightbulb",
                                          "turn_on_led",
                                          "turn_off_led",
                                          "push_into_drawer"};
    QVERIFY(tasks_of(TaskSuite::calvin).size() >= 16);
    std::set<std::string> instructions;
    for (const Task& task : tasks_of(TaskSuite::calvin)) {
      QVERIFY2(calvin.contains(task.name), task.name.c_str());
      QVERIFY(task.instructions.size() >= 3);
      QCOMPARE(&task_named(task.name), &task);
      for (const auto& instruction : task.instructions) {
        QVERIFY2(instructions.insert(instruction).second, instruction.c_str());
        QCOMPARE(task_of_instruction("  " + instruction + "\n"), &task);
      }
    }
    QVERIFY(task_of_instruction("make coffee") == nullptr);
    QVERIFY_THROWS_EXCEPTION(Error, task_named("make_coffee"));
  }

  void pictures_show_the_table() {
    PlayTable table;
    table.reset(2);
    const auto images = table.render();
    QCOMPARE(images.rgb_static->width, 200);
    QCOMPARE(images.rgb_static->height, 200);
    QCOMPARE(images.rgb_gripper->width, 84);
    QCOMPARE(images.rgb_gripper->height, 84);
    QVERIFY(blue_pixels(*images.rgb_static) > 60);
    const auto again = table.render();
    QVERIFY(again.rgb_static->rgb == images.rgb_static->rgb);
    table.reset(3);
    QVERIFY(mean_difference(*table.render().rgb_static, *images.rgb_static) > 2);
    QCOMPARE(table.render_static(320, 240)->width, 320);
    QVERIFY_THROWS_EXCEPTION(Error, table.render_static(0, 240));
    QVERIFY_THROWS_EXCEPTION(Error, table.render_static(100000, 240));
    auto blind = table_without_cameras();
    QVERIFY_THROWS_EXCEPTION(Error, blind.render());
  }

  void a_lamp_shines() {
    PlayTable table({.vary_appearance = false, .shadows = false, .cameras = true});
    table.reset({.led_on = false}, 6);
    const auto dark = table.render();
    table.reset({.led_on = true}, 6);
    const auto lit = table.render();
    int brighter = 0;
    for (std::size_t i = 1; i < lit.rgb_static->rgb.size(); i += 3) {
      if (lit.rgb_static->rgb[i] > dark.rgb_static->rgb[i] + 80) ++brighter;
    }
    QVERIFY(brighter > 20);
  }

  void scattered_scenes_differ() {
    PlayTable table;
    std::set<double> tcp;
    int held = 0;
    int in_drawer = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      table.scatter(seed);
      const auto scene = table.scene_obs();
      for (const double value : scene) QVERIFY(std::isfinite(value));
      tcp.insert(table.robot_obs()[0]);
      for (std::size_t block = 0; block < 3; ++block) {
        if (distance(table.state().blocks[block].position, table.state().world_from_tcp.position) < 0.012) ++held;
        if (table.state().blocks[block].position[2] < 0.4) ++in_drawer;
      }
    }
    QVERIFY(tcp.size() == 100);
    QVERIFY(held > 8);
    QVERIFY(in_drawer > 4);
  }

  void bad_scene_files_say_what_is_wrong() {
    QVERIFY_THROWS_EXCEPTION(FileError, MujocoScene::load("/nowhere/scene.xml"));
    QVERIFY_THROWS_EXCEPTION(FileError, MujocoScene::parse("<mujoco><worldbody><body></mujoco>", "broken.xml"));
    try {
      MujocoScene::parse("<mujoco><worldbody><geom type='teapot'/></worldbody></mujoco>", "teapot.xml");
      QFAIL("no error");
    } catch (const FileError& error) {
      QVERIFY(QString(error.what()).startsWith("teapot.xml"));
      QVERIFY(!QString(error.what()).contains('\n'));
    }
    try {
      MujocoScene::parse("<mujoco><worldbody><body name='cup' pos='0 0 nan'/></worldbody></mujoco>", "nan.xml");
      QFAIL("no error");
    } catch (const FileError& error) {
      QCOMPARE(QString(error.what()), "nan.xml: body 'cup': pos is not a finite number");
    }
    const auto empty = MujocoScene::parse("<mujoco/>", "empty.xml");
    QVERIFY_THROWS_EXCEPTION(Error, empty.index(mjOBJ_CAMERA, "static"));
    QVERIFY_THROWS_EXCEPTION(Error, ArmController{empty});
  }
};

DEER_SUITE(TestSim)
#include "tst_sim.moc"
