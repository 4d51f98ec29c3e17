// SPDX-License-Identifier: GPL-3.0-or-later
#include <QElapsedTimer>
#include <QTest>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "core/robot/inverse_kinematics.h"
#include "core/robot/panda.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;

namespace {

constexpr double kPi = std::numbers::pi;

RobotModel panda() { return RobotModel::load(DEER_SOURCE_DIR "/resources/panda/panda.urdf"); }

RobotModel parse(const std::string& body) {
  return RobotModel::parse("<robot name='r'>" + body + "</robot>", "r.urdf");
}

double distance(const Vector3& a, const Vector3& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

std::vector<double> random_joints(const RobotModel& robot, std::mt19937& random, double share = 1) {
  std::vector<double> out;
  for (const auto& joint : robot.joints()) {
    const double low = std::max(joint.lower, -kPi), high = std::min(joint.upper, kPi);
    const double margin = (1 - share) / 2 * (high - low);
    out.push_back(std::uniform_real_distribution(low + margin, high - margin)(random));
  }
  return out;
}

bool within_limits(const RobotModel& robot, const std::vector<double>& positions) {
  for (std::size_t i = 0; i < positions.size(); ++i) {
    if (positions[i] < robot.joints()[i].lower || positions[i] > robot.joints()[i].upper) return false;
  }
  return true;
}

}  // namespace

class TestInverseKinematics : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // Forward, back from a seed that has nothing to do with it, and forward again.
  void round_trip_from_afar() {
    const auto robot = panda();
    const InverseKinematics inverse(robot, kPandaTcpLink);
    QCOMPARE(inverse.joints(), (std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6}));
    std::mt19937 random(3);
    int reached = 0;
    qint64 slowest = 0;
    for (int i = 0; i < 100; ++i) {
      const auto joints = random_joints(robot, random);
      const auto goal = robot.base_from_link(kPandaTcpLink, joints);
      const auto seed = rest_positions(robot);
      QElapsedTimer clock;
      clock.start();
      const auto found = inverse.solve(goal, seed);
      slowest = std::max(slowest, clock.nsecsElapsed());
      QVERIFY(within_limits(robot, found.positions));
      QCOMPARE(found.positions[7], seed[7]);
      QCOMPARE(found.positions[8], seed[8]);
      const auto pose = robot.base_from_link(kPandaTcpLink, found.positions);
      const double apart = distance(pose.position, goal.position);
      QVERIFY2(std::abs(apart - found.error_m) < 1e-9,
               qPrintable(QStringLiteral("%1 m, said %2 m").arg(apart).arg(found.error_m)));
      QVERIFY(std::abs(angle_between(pose, goal) - found.error_rad) < 1e-7);
      if (!found.reached) continue;
      ++reached;
      QVERIFY(found.error_m <= InverseKinematics::kPositionTolerance_m);
      QVERIFY(found.error_rad <= InverseKinematics::kRotationTolerance_rad);
    }
    qInfo("%d of 100 poses reached, the slowest in %.2f ms", reached, double(slowest) / 1e6);
    // The joints were drawn up to their very limits, where the search may miss the one way in.
    QVERIFY2(reached >= 97, qPrintable(QString::number(reached)));
  }

  // A movement in small steps, each from the last: always found, and the joints do not jump.
  void follows_a_path() {
    const auto robot = panda();
    const InverseKinematics inverse(robot, kPandaTcpLink);
    auto joints = rest_positions(robot);
    const auto start = robot.base_from_link(kPandaTcpLink, joints);
    double largest_step = 0;
    for (int i = 1; i <= 120; ++i) {
      auto goal = start;
      const double t = 2 * kPi * i / 120;
      goal.position[0] += 0.06 * std::sin(t);
      goal.position[1] += 0.06 * (1 - std::cos(t));
      goal.position[2] += 0.03 * std::sin(2 * t);
      const auto found = inverse.solve(goal, joints);
      QVERIFY2(found.reached, qPrintable(QString::number(i)));
      for (std::size_t j = 0; j < 7; ++j) {
        largest_step = std::max(largest_step, std::abs(found.positions[j] - joints[j]));
      }
      joints = found.positions;
    }
    QVERIFY2(largest_step < 0.1, qPrintable(QString::number(largest_step)));
  }

  void says_when_it_cannot() {
    const auto robot = panda();
    const InverseKinematics inverse(robot, kPandaTcpLink);
    const auto seed = rest_positions(robot);
    for (const Vector3& place : {Vector3{2, 0, 0.5}, Vector3{0.95, 0, 0.9}, Vector3{0, 0, -3}}) {
      const auto found = inverse.solve({place, {1, 0, 0, 0, 1, 0, 0, 0, 1}}, seed);
      QVERIFY(!found.reached);
      QVERIFY(found.error_m > 0.01 || found.error_rad > 0.01);
      QVERIFY(within_limits(robot, found.positions));
      const auto again = inverse.solve({place, {1, 0, 0, 0, 1, 0, 0, 0, 1}}, seed);
      QCOMPARE(again.positions, found.positions);
    }
    const Pose broken = {{std::nan(""), 0, 0}, {1, 0, 0, 0, 1, 0, 0, 0, 1}};
    DEER_VERIFY_ERROR(inverse.solve(broken, seed), "must be finite");
    auto bad_seed = seed;
    bad_seed[2] = std::numeric_limits<double>::infinity();
    DEER_VERIFY_ERROR(inverse.solve({}, bad_seed), "must be finite");
    DEER_VERIFY_ERROR(inverse.solve({}, std::vector<double>(7)), "9 joints expected in the seed, found 7");
    DEER_VERIFY_ERROR(InverseKinematics(robot, "elbow"), "has no link 'elbow'");
    DEER_VERIFY_ERROR(InverseKinematics(robot, "panda_link0"), "no joint moves link 'panda_link0'");
  }

  // Sliding joints, joints without limits, and a seed outside the limits.
  void other_arms() {
    const auto joint = [](const char* type, int i, const char* axis, const char* more) {
      const auto n = std::to_string(i), next = std::to_string(i + 1);
      return "<link name='l" + next + "'/><joint name='j" + n + "' type='" + type + "'><parent link='l" + n +
             "'/><child link='l" + next + "'/><origin xyz='0.1 0 0.1'/><axis xyz='" + axis + "'/>" + more + "</joint>";
    };
    const char* const slides = "<limit lower='-0.5' upper='0.5' effort='1' velocity='1'/>";
    const auto robot =
        parse("<link name='l0'/>" + joint("prismatic", 0, "1 0 0", slides) + joint("prismatic", 1, "0 1 0", slides) +
              joint("prismatic", 2, "0 0 1", slides) + joint("continuous", 3, "0 0 1", "") +
              joint("continuous", 4, "0 1 0", "") + joint("continuous", 5, "1 0 0", ""));
    const InverseKinematics inverse(robot, "l6");
    std::mt19937 random(5);
    for (int i = 0; i < 20; ++i) {
      const auto goal = robot.base_from_link("l6", random_joints(robot, random, 0.8));
      const auto found = inverse.solve(goal, std::vector<double>{9, -9, 9, 0, 0, 0});
      QVERIFY2(found.reached, qPrintable(QString::number(found.error_m)));
      QVERIFY(within_limits(robot, found.positions));
    }
    // One joint alone reaches what it reaches.
    const auto door = parse("<link name='l0'/>" + joint("continuous", 0, "0 0 1", "") +
                            "<link name='t'/><joint name='f' type='fixed'><parent link='l1'/><child link='t'/>"
                            "<origin xyz='0.5 0 0'/></joint>");
    const InverseKinematics hinge(door, "t");
    const auto open = hinge.solve(door.base_from_link("t", std::vector<double>{1.2}), std::vector<double>{0});
    QVERIFY(open.reached);
    QVERIFY(std::abs(open.positions[0] - 1.2) < 1e-4);
    auto off = door.base_from_link("t", std::vector<double>{1.2});
    off.position[2] += 0.2;
    QVERIFY(!hinge.solve(off, std::vector<double>{0}).reached);
  }

  void too_many_joints_are_refused() {
    std::string urdf = "<robot name='snake'><link name='l0'/>";
    for (int i = 1; i <= 400; ++i) {
      const auto n = std::to_string(i), before = std::to_string(i - 1);
      urdf += "<link name='l" + n + "'/><joint name='j" + n + "' type='continuous'><parent link='l" + before +
              "'/><child link='l" + n + "'/><axis xyz='0 0 1'/><origin xyz='0.1 0 0'/></joint>";
    }
    const auto robot = RobotModel::parse(urdf + "</robot>", "snake.urdf");
    DEER_VERIFY_ERROR(InverseKinematics(robot, "l400"),
                      "400 joints move link 'l400', inverse kinematics is limited to 32");
    QCOMPARE(InverseKinematics(robot, "l32").joints().size(), std::size_t{32});
  }

  void a_mimic_joint_in_the_chain_stays() {
    const auto robot = RobotModel::parse(
        "<robot name='r'><link name='a'/><link name='b'/><link name='c'/>"
        "<joint name='j' type='continuous'><parent link='a'/><child link='b'/><axis xyz='0 0 1'/></joint>"
        "<joint name='k' type='continuous'><parent link='b'/><child link='c'/><axis xyz='0 0 1'/>"
        "<origin xyz='0.1 0 0'/><mimic joint='j'/></joint></robot>",
        "r.urdf");
    QCOMPARE(InverseKinematics(robot, "c").joints(), std::vector<std::size_t>{0});
  }

  void names_the_hand() {
    const auto robot = panda();
    QCOMPARE(guess_tcp_link(robot), std::string(kPandaTcpLink));
    std::vector<std::string> names;
    for (const auto link : hand_links(robot, kPandaTcpLink)) names.push_back(robot.links()[link].name);
    QCOMPARE(names, (std::vector<std::string>{"panda_hand", "panda_leftfinger", "panda_rightfinger", "panda_tcp"}));
    const auto seed = rest_positions(robot);
    QCOMPARE(seed.size(), std::size_t{9});
    QVERIFY(within_limits(robot, seed));
    // Without a telling name, the tip of the longest chain.
    const auto plain = parse(
        "<link name='a'/><link name='b'/><link name='c'/><link name='d'/>"
        "<joint name='j' type='continuous'><parent link='a'/><child link='b'/></joint>"
        "<joint name='k' type='continuous'><parent link='b'/><child link='c'/></joint>"
        "<joint name='m' type='continuous'><parent link='a'/><child link='d'/></joint>");
    QCOMPARE(guess_tcp_link(plain), std::string("c"));
    QCOMPARE(hand_links(plain, "c").size(), std::size_t{4});  // nothing is drawn anywhere: all of it
    QCOMPARE(guess_tcp_link(parse("<link name='only'/>")), std::string("only"));
  }
};

DEER_SUITE(TestInverseKinematics)
#include "tst_inverse_kinematics.moc"
