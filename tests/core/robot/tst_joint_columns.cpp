// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/robot/joint_columns.h"
#include "tests/support/suite.h"

using namespace deer;
using namespace std::string_literals;

namespace {

std::string joint(const std::string& name, const std::string& kind, const std::string& child,
                  const std::string& limit = R"(<limit lower="-2" upper="1" effort="1" velocity="1"/>)",
                  const std::string& parent = "base") {
  return "<joint name=\"" + name + "\" type=\"" + kind + "\"><parent link=\"" + parent + "\"/><child link=\"" + child +
         "\"/><origin xyz=\"0 0 0.1\"/><axis xyz=\"0 0 1\"/>" + limit + "</joint><link name=\"" + child + "\"/>";
}

// Two arms of two joints each, one with a gripper.
RobotModel two_arms() {
  return RobotModel::parse(
      "<robot name=\"two\"><link name=\"base\"/>" + joint("left_shoulder_pan", "revolute", "a") +
          joint("left_gripper", "revolute", "b") + joint("right/shoulder-pan_joint", "revolute", "c") +
          joint("rail", "prismatic", "d", R"(<limit lower="0.2" upper="1" effort="1" velocity="1"/>)") + "</robot>",
      "two.urdf");
}

std::vector<std::string> names(const RobotModel& robot) {
  std::vector<std::string> out;
  for (const auto& one : robot.joints()) out.push_back(one.name);
  return out;
}

double at(const RobotModel& robot, const std::vector<double>& positions, const std::string& name) {
  const auto all = names(robot);
  return positions.at(static_cast<std::size_t>(std::find(all.begin(), all.end(), name) - all.begin()));
}

}  // namespace

class TestJointColumns : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void names_match_however_they_are_written() {
    const auto robot = two_arms();
    const std::vector<NamedNumber> columns = {
        {"right_shoulder_pan.pos", "°"}, {"main_left_shoulder_pan", "rad"}, {"left_gripper.pos", "%"}, {"other", ""}};
    const JointColumns found(robot, columns);
    QVERIFY(found.fits());
    QCOMPARE(found.count(), std::size_t{3});
    QCOMPARE(found.missing(), std::vector<std::string>{"rail"});
    const auto positions = found.positions(std::vector<double>{-90, 0.5, 50, 7});
    QCOMPARE(positions.size(), std::size_t{4});
    QCOMPARE(at(robot, positions, "right/shoulder-pan_joint"), -std::numbers::pi / 2);
    QCOMPARE(at(robot, positions, "left_shoulder_pan"), 0.5);
    QCOMPARE(at(robot, positions, "left_gripper"), -0.5);  // half of -2 to 1
    QCOMPARE(at(robot, positions, "rail"), 0.2);           // the limit next to 0
  }

  void percent_is_the_way_between_the_limits() {
    const auto robot = two_arms();
    const std::vector<NamedNumber> columns = {{"left_shoulder_pan.pos", "%"}, {"right_shoulder_pan.pos", "%"}};
    const auto positions = JointColumns(robot, columns).positions(std::vector<double>{-100, 100});
    QCOMPARE(at(robot, positions, "left_shoulder_pan"), -2.0);
    QCOMPARE(at(robot, positions, "right/shoulder-pan_joint"), 1.0);
  }

  void missing_values_leave_a_joint_at_rest() {
    const auto robot = two_arms();
    const std::vector<NamedNumber> columns = {{"left_shoulder_pan", ""}, {"right_shoulder_pan", ""}};
    const JointColumns found(robot, columns);
    const auto positions = found.positions(std::vector<double>{std::numeric_limits<double>::quiet_NaN()});
    QCOMPARE(at(robot, positions, "left_shoulder_pan"), 0.0);
    QCOMPARE(at(robot, positions, "right/shoulder-pan_joint"), 0.0);
  }

  void another_robot_does_not_fit() {
    const std::vector<NamedNumber> columns = {{"left_shoulder_pan", ""}, {"waist", ""}};
    QVERIFY(!JointColumns(two_arms(), columns).fits());
    QVERIFY(!JointColumns(two_arms(), {}).fits());
    QVERIFY(!JointColumns().fits());
  }
};

DEER_SUITE(TestJointColumns)
#include "tst_joint_columns.moc"
