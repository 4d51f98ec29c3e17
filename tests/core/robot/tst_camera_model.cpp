// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <limits>
#include <numbers>
#include <opencv2/calib3d.hpp>

#include "core/robot/camera_model.h"
#include "core/robot/panda.h"
#include "tests/support/suite.h"

using namespace deer;

namespace {

constexpr double kRadians = std::numbers::pi / 180;

double distance(const Vector3& a, const Vector3& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

// CALVIN's static camera.
CameraModel static_camera() {
  auto out = camera_from_fov(200, 200, 10 * kRadians);
  out.mount_from_camera = world_from_looking_camera({2.871459, -2.166602, 2.555160}, {-0.026242, -0.030233, 0.392000},
                                                    {0.404140, 0.226298, 0.886262});
  return out;
}

cv::Point2d by_opencv(const CameraModel& camera, const Pose& world_from_camera, const Vector3& point) {
  const auto camera_from_world = inverse(world_from_camera);
  cv::Mat rotation(3, 3, CV_64F), turn;
  for (int i = 0; i < 9; ++i)
    rotation.at<double>(i / 3, i % 3) = camera_from_world.rotation[static_cast<std::size_t>(i)];
  cv::Rodrigues(rotation, turn);
  const auto& p = camera_from_world.position;
  const cv::Mat shift = (cv::Mat_<double>(3, 1) << p[0], p[1], p[2]);
  const cv::Mat lens =
      (cv::Mat_<double>(3, 3) << camera.focal_x, 0, camera.center_x, 0, camera.focal_y, camera.center_y, 0, 0, 1);
  std::vector<cv::Point2d> out;
  cv::projectPoints(std::vector<cv::Point3d>{{point[0], point[1], point[2]}}, turn, shift, lens, cv::noArray(), out);
  return out.front();
}

}  // namespace

class TestCameraModel : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void looks_at_the_middle() {
    const auto camera = static_camera();
    const auto at = project(camera, camera.mount_from_camera, {-0.026242, -0.030233, 0.392000});
    QVERIFY(at && std::abs(at->x - 99.5) < 1e-9 && std::abs(at->y - 99.5) < 1e-9);
    // The camera is rolled: what it was told is up is up in the picture.
    const auto above =
        project(camera, camera.mount_from_camera, {-0.026242 + 0.0404140, -0.030233 + 0.0226298, 0.392000 + 0.0886262});
    QVERIFY(above && above->y < 80 && std::abs(above->x - 99.5) < 0.01);
  }

  void equals_opencv() {
    auto camera = static_camera();
    camera.focal_x *= 1.3;  // not a square pixel, not in the middle
    camera.center_y += 7.25;
    const auto tcp = pose_from_euler({0.03, -0.2, 0.6}, {3.0, 0.2, 1.4});
    CameraModel gripper = camera_from_fov(84, 84, 75 * kRadians);
    gripper.mount = CameraModel::Mount::tcp;
    gripper.mount_from_camera = calvin_tcp_from_gripper_camera();
    int seen = 0;
    for (double x = -0.3; x <= 0.3; x += 0.1) {
      for (double y = -0.3; y <= 0.2; y += 0.1) {
        for (double z = 0.3; z <= 0.7; z += 0.1) {
          for (const auto& one : {camera, gripper}) {
            const auto pose = world_from_camera(one, tcp);
            const auto at = project(one, pose, {x, y, z});
            if (!at) continue;
            const auto expected = by_opencv(one, pose, {x, y, z});
            QVERIFY(std::abs(at->x - expected.x) < 1e-6 * (1 + std::abs(expected.x)));
            QVERIFY(std::abs(at->y - expected.y) < 1e-6 * (1 + std::abs(expected.y)));
            ++seen;
          }
        }
      }
    }
    QVERIFY(seen > 180);
  }

  void what_is_behind_is_not_seen() {
    const auto camera = static_camera();
    const auto& pose = camera.mount_from_camera;
    QVERIFY(!project(camera, pose, pose.position));
    QVERIFY(!project(camera, pose, {6, -5, 5}));
    QVERIFY(!project(camera, pose, {std::numeric_limits<double>::quiet_NaN(), 0, 0}));
  }

  void the_grippers_camera_moves_with_the_hand() {
    CameraModel camera = camera_from_fov(84, 84, 75 * kRadians);
    camera.mount = CameraModel::Mount::tcp;
    camera.mount_from_camera = calvin_tcp_from_gripper_camera();
    // The TCP stays at one place of its picture, wherever the hand goes.
    const auto first = pose_from_euler({0, 0, 0.5}, {3.1, 0, 1.5});
    const auto second = pose_from_euler({0.2, -0.1, 0.7}, {2.9, 0.3, 0.2});
    const auto a = project(camera, world_from_camera(camera, first), first.position);
    const auto b = project(camera, world_from_camera(camera, second), second.position);
    QVERIFY(a && b && std::hypot(a->x - b->x, a->y - b->y) < 1e-9);
    QVERIFY(a->x > 0 && a->x < 84 && a->y > 0 && a->y < 84);
    // In the hand.s frame: 0.1 m behind and 0.14 m above the TCP along the hand.
    QVERIFY(std::abs(distance(camera.mount_from_camera.position, {-0.1, 0, -0.14})) < 1e-12);
  }

  void opengls_axes_are_turned() {
    const auto pose = from_opengl_camera(pose_from_euler({1, 2, 3}, {0, 0, 0}));
    QCOMPARE(pose.position, (Vector3{1, 2, 3}));
    QCOMPARE(pose.rotation, (std::array<double, 9>{1, 0, 0, 0, -1, 0, 0, 0, -1}));
  }
};

DEER_SUITE(TestCameraModel)
#include "tst_camera_model.moc"
