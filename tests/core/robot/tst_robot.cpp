// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <numbers>
#include <random>

#include "core/episodes/open/open_source.h"
#include "core/robot/action.h"
#include "core/robot/panda.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

const std::filesystem::path kUrdf = DEER_SOURCE_DIR "/resources/panda/panda.urdf";
constexpr double kPi = std::numbers::pi;

double distance(const Vector3& a, const Vector3& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

RobotModel parse(const std::string& body) {
  return RobotModel::parse("<robot name='r'>" + body + "</robot>", "r.urdf");
}

}  // namespace

class TestRobot : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void panda_is_described() {
    const auto panda = RobotModel::load(kUrdf);
    QCOMPARE(panda.name(), std::string("panda"));
    QCOMPARE(panda.joints().size(), std::size_t{9});
    QCOMPARE(panda.links().front().name, std::string("panda_link0"));
    const auto& four = panda.joints()[3];
    QCOMPARE(four.name, std::string("panda_joint4"));
    QCOMPARE(four.lower, -3.1416);
    QCOMPARE(four.upper, 0.0);
    QCOMPARE(four.max_velocity, 2.175);
    QVERIFY(panda.joints()[8].kind == RobotJoint::Kind::prismatic);
    QCOMPARE(panda.joints()[8].upper, 0.04);
    for (std::size_t i = 1; i < panda.links().size(); ++i) {
      QVERIFY(panda.links()[i].parent >= 0 && panda.links()[i].parent < static_cast<int>(i));
    }
    QVERIFY(!panda.links().front().visuals.empty());
    DEER_VERIFY_ERROR(panda.link_index("elbow"), "has no link 'elbow'; it has panda_link0, ");
    DEER_VERIFY_ERROR(panda.base_from_links(std::vector<double>(7)), "has 9 joints, but 7 positions were given");
  }

  // The two reference poses of the kinematic table.
  void forward_kinematics() {
    const auto panda = RobotModel::load(kUrdf);
    const std::array<double, 15> robot_obs = {0,           0,           0,           0,          0,
                                              0,           0.08,        -1.21779124, 1.03987629, 2.11978254,
                                              -2.34205014, -0.87015899, 1.64119093,  0.55344928, 1};
    const auto tcp = world_from_tcp_computed(panda, robot_obs);
    QVERIFY(distance(tcp.position, {0.0258684, -0.2313132, 0.5712805}) < 1e-6);
    QVERIFY(distance(euler_xyz(tcp), {3.0904552, -0.0290834, 1.5001359}) < 1e-6);

    const std::vector<double> bent = {0, 0, 0, -kPi / 2, 0, kPi / 2, kPi / 4, 0.01, 0.02};
    QVERIFY(distance(panda.base_from_link("panda_link8", bent).position, {0.5545, 0, 0.6245}) < 1e-6);
    // Here the hand points straight down and its y axis along -y of the base.
    const auto all = panda.base_from_links(bent);
    QVERIFY(distance(all[panda.link_index("panda_tcp")].position, {0.5545, 0, 0.6245 - 0.14}) < 1e-6);
    QVERIFY(distance(all[panda.link_index("panda_leftfinger")].position, {0.5545, -0.01, 0.6245 - 0.0584}) < 1e-6);
    QVERIFY(distance(all[panda.link_index("panda_rightfinger")].position, {0.5545, 0.02, 0.6245 - 0.0584}) < 1e-6);
  }

  // Joint angles and TCP pose of every recorded frame tell the same pose.
  void recorded_frames_agree() {
    const auto panda = RobotModel::load(kUrdf);
    int frames = 0;
    double worst_m = 0, worst_rad = 0;
    for (const char* part : {"", "other_protocol_2", "other_protocol_5"}) {
      const auto collection = open_source(std::filesystem::path(DEER_TEST_DATA "/calvin_mini") / part);
      for (std::size_t i = 0; i < collection->episodes().size(); ++i) {
        if (collection->episodes()[i].kind != EpisodeEntry::Kind::play_segment) continue;
        const auto source = collection->open(i);
        for (std::int64_t k = 0; k < *source->length(); ++k) {
          const auto observation = source->read(k);
          const auto observed = world_from_tcp_observed(*observation->robot_obs);
          const auto computed = world_from_tcp_computed(panda, *observation->robot_obs);
          worst_m = std::max(worst_m, distance(observed.position, computed.position));
          worst_rad = std::max(worst_rad, angle_between(observed, computed));
          ++frames;
        }
      }
    }
    qInfo("%d frames, worst difference %.3g m and %.3g rad", frames, worst_m, worst_rad);
    QCOMPARE(frames, 40 + 30 + 36 + 4 + 4);
    QVERIFY(worst_m < 1e-8);
    QVERIFY(worst_rad < 1e-8);
  }

  // Recorded relative actions are the scaled way from the last target to the next.
  void recorded_actions_agree() {
    const auto collection = open_source(DEER_TEST_DATA "/calvin_mini/training");
    int compared = 0;
    double worst = 0;
    for (std::size_t i = 0; i < collection->episodes().size(); ++i) {
      if (collection->episodes()[i].kind != EpisodeEntry::Kind::play_segment) continue;
      const auto source = collection->open(i);
      for (std::int64_t k = 0; k < *source->length(); ++k) {
        const auto& observation = *source->read(k);
        RelativeMotion motion;
        for (std::size_t d = 0; d < 3; ++d) {
          motion.translation_m[d] = (*observation.action)[d] - (*observation.robot_obs)[d];
          motion.rotation_rad[d] = wrap_angle((*observation.action)[d + 3] - (*observation.robot_obs)[d + 3]);
        }
        motion.open_gripper = (*observation.action)[6] > 0;
        const auto expected = action_from_motion(motion);
        for (std::size_t d = 0; d < 7; ++d)
          worst = std::max(worst, std::abs(expected[d] - (*observation.rel_action)[d]));
        ++compared;
      }
    }
    qInfo("%d actions, worst difference %.3g", compared, worst);
    QCOMPARE(compared, 70);
    QVERIFY(worst < 1e-9);
  }

  void action_semantics() {
    const auto motion = motion_from_action({1, -0.5, 0.25, 2, -3, std::nan(""), 0.1});
    QCOMPARE(motion.translation_m, (Vector3{0.02, -0.01, 0.005}));
    QCOMPARE(motion.rotation_rad, (Vector3{0.05, -0.05, 0}));
    QVERIFY(motion.open_gripper);
    QCOMPARE(action_from_motion(motion), (std::array<double, 7>{1, -0.5, 0.25, 1, -1, 0, 1}));
    TcpTarget target{{0.1, 0.2, 0.3}, {kPi - 0.01, 0, 0}, true};
    target = advance(target, {1, 0, 0, 1, 0, 0, -1});
    QCOMPARE(target.position_m[0], 0.12);
    QVERIFY(std::abs(target.euler_xyz_rad[0] - (-kPi + 0.04)) < 1e-12);
    QVERIFY(!target.open_gripper);
    QCOMPARE(wrap_angle(-kPi), kPi);
    QCOMPARE(wrap_angle(kPi), kPi);
  }

  void rotations_round_trip() {
    std::mt19937 random(7);
    std::uniform_real_distribution<double> angle(-kPi, kPi), half(-kPi / 2, kPi / 2);
    for (int i = 0; i < 10'000; ++i) {
      const Vector3 euler = {angle(random), half(random), angle(random)};
      const auto pose = pose_from_euler({1, 2, 3}, euler);
      QVERIFY(distance(euler_xyz(pose), euler) < 1e-9);
      const auto identity = inverse(pose) * pose;
      QVERIFY(distance(identity.position, {0, 0, 0}) < 1e-12);
      QVERIFY(angle_between(identity, {}) < 1e-12);
      // Rz * Ry * Rx, factor by factor.
      const auto product = pose_from_euler({}, {0, 0, euler[2]}) * pose_from_euler({}, {0, euler[1], 0}) *
                           pose_from_euler({}, {euler[0], 0, 0});
      QVERIFY(angle_between(product, pose) < 1e-12);
      const auto q = quaternion_xyzw(pose);
      QVERIFY(std::abs(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3] - 1) < 1e-12 && q[3] >= 0);
      // Rotating x by the quaternion gives the first column.
      QVERIFY(std::abs(1 - 2 * (q[1] * q[1] + q[2] * q[2]) - pose.rotation[0]) < 1e-12);
      QVERIFY(std::abs(2 * (q[0] * q[1] + q[3] * q[2]) - pose.rotation[3]) < 1e-12);
      QVERIFY(std::abs(2 * (q[0] * q[2] - q[3] * q[1]) - pose.rotation[6]) < 1e-12);
    }
    // Looking straight up, only x - z (or x + z) is known.
    for (const double y : {kPi / 2, -kPi / 2}) {
      const auto pose = pose_from_euler({}, {0.3, y, 0.8});
      QVERIFY(angle_between(pose_from_euler({}, euler_xyz(pose)), pose) < 1e-9);
    }
    QVERIFY(std::abs(angle_between(pose_from_euler({}, {kPi, 0, 0}), {}) - kPi) < 1e-9);
  }

  void mimic_joints_follow() {
    // Two fingers on one joint, and a third that follows the second, declared before it.
    const std::string links = "<link name='base'/><link name='f1'/><link name='f2'/><link name='f3'/>";
    const auto finger = [](const char* name, const char* child, const std::string& more) {
      return std::string("<joint name='") + name + "' type='prismatic'><parent link='base'/><child link='" + child +
             "'/><axis xyz='0 1 0'/><limit lower='0' upper='0.04' effort='1' velocity='1'/>" + more + "</joint>";
    };
    const auto robot = parse(links + finger("j3", "f3", "<mimic joint='j2' multiplier='2' offset='0.01'/>") +
                             finger("j1", "f1", "") + finger("j2", "f2", "<mimic joint='j1' multiplier='-1'/>"));
    QCOMPARE(robot.joints().size(), std::size_t{1});
    QCOMPARE(robot.joints()[0].name, std::string("j1"));
    const auto y = [&](const char* link) {
      const std::vector<double> positions = {0.03};
      return robot.base_from_link(link, positions).position[1];
    };
    QVERIFY(std::abs(y("f1") - 0.03) < 1e-12);
    QVERIFY(std::abs(y("f2") + 0.03) < 1e-12);
    QVERIFY(std::abs(y("f3") - (2 * -0.03 + 0.01)) < 1e-12);
    DEER_VERIFY_ERROR(parse(links + finger("j1", "f1", "") + finger("j2", "f2", "<mimic joint='j3'/>") +
                            finger("j3", "f3", "<mimic joint='j2'/>")),
                      "joint 'j2' mimics itself");
    DEER_VERIFY_ERROR(
        parse(links + finger("j1", "f1", "") + finger("j3", "f3", "") + finger("j2", "f2", "<mimic joint='gone'/>")),
        "joint 'j2' mimics 'gone', which is no joint that moves");
  }

  void files_as_they_are_found() {
    const std::string inside =
        "<link name='a'/><link name='b'/><joint name='j' type='revolute'><parent link='a'/><child link='b'/>"
        "<axis xyz='0 0 1'/><limit lower='-1' upper='1'/></joint>";
    const std::string whole =
        "<?xml version='1.0'?><!DOCTYPE robot SYSTEM 'robot.dtd'><robot name='r'>" + inside + "</robot>";
    QCOMPARE(RobotModel::parse(whole, "r.urdf").joints().at(0).upper, 1.0);  // no effort, no velocity
    std::string utf16 = "\xFF\xFE";
    for (const char c : "<robot name='r'>" + inside + "</robot>") utf16 += std::string{c, '\0'};
    QCOMPARE(RobotModel::parse(utf16, "r.urdf").joints().size(), std::size_t{1});
    DEER_VERIFY_ERROR(
        RobotModel::parse("<!DOCTYPE r [<!ENTITY a 'b'>]><robot name='r'>" + inside + "</robot>", "r.urdf"),
        "a DOCTYPE with declarations");
    DEER_VERIFY_ERROR(RobotModel::parse("<robot name='r' xmlns:xacro='http://ros.org/wiki/xacro'><xacro:arm/></robot>",
                                        "arm.urdf.xacro"),
                      "is a xacro file, which has to be expanded first: xacro arm.urdf.xacro -o robot.urdf");
  }

  void refuses_bad_files() {
    const TemporaryFolder folder;
    DEER_VERIFY_ERROR(RobotModel::load(folder / "none.urdf"), "none.urdf: cannot open");
    DEER_VERIFY_ERROR(RobotModel::parse("", "r.urdf"), "r.urdf: ");
    DEER_VERIFY_ERROR(RobotModel::parse("<robot", "r.urdf"), "r.urdf: ");
    DEER_VERIFY_ERROR(RobotModel::parse("not xml", "r.urdf"), "r.urdf: ");
    DEER_VERIFY_ERROR(parse(""), "r.urdf: ");
    const std::string links = "<link name='a'/><link name='b'/>";
    const auto joint = [&](const std::string& type, const std::string& more) {
      return links + "<joint name='j' type='" + type + "'><parent link='a'/><child link='b'/>" + more + "</joint>";
    };
    QCOMPARE(parse(joint("fixed", "")).joints().size(), std::size_t{0});
    QCOMPARE(parse(joint("continuous", "<axis xyz='0 1 0'/>")).joints().size(), std::size_t{1});
    DEER_VERIFY_ERROR(parse(links), "r.urdf: ");                           // two roots
    QCOMPARE(parse(joint("planar", "")).joints().size(), std::size_t{0});  // kept where it is
    QCOMPARE(parse(joint("floating", "")).links().size(), std::size_t{2});
    DEER_VERIFY_ERROR(parse(joint("revolute", "")), "r.urdf: ");  // no limits
    DEER_VERIFY_ERROR(parse(joint("continuous", "<axis xyz='0 0 0'/>")), "joint 'j' has no axis");
    DEER_VERIFY_ERROR(parse(joint("revolute", "<limit lower='1' upper='-1' effort='1' velocity='1'/>")),
                      "joint 'j' has a lower limit above the upper");
    DEER_VERIFY_ERROR(parse(joint("fixed", "<origin xyz='a b c'/>")), "r.urdf: ");
    DEER_VERIFY_ERROR(
        parse("<link name='a'/><joint name='j' type='fixed'><parent link='a'/><child link='gone'/></joint>"),
        "r.urdf: ");
    // A ring hanging beside the root.
    DEER_VERIFY_ERROR(parse("<link name='r'/><link name='a'/><link name='b'/>"
                            "<joint name='j' type='fixed'><parent link='a'/><child link='b'/></joint>"
                            "<joint name='k' type='fixed'><parent link='b'/><child link='a'/></joint>"),
                      "r.urdf: ");
    std::string deep;
    for (int i = 0; i < 200'000; ++i) deep += "<a>";
    DEER_VERIFY_ERROR(parse(deep), "nested too deep");
    // Ends that are none make no room.
    for (const char* const hidden : {"<a><!--</a>-->", "<a b='/>'>", "<a><![CDATA[</a>]]>"}) {
      std::string disguised;
      for (int i = 0; i < 200'000; ++i) disguised += hidden;
      DEER_VERIFY_ERROR(parse(disguised), "nested too deep");
    }
  }
};

DEER_SUITE(TestRobot)
#include "tst_robot.moc"
