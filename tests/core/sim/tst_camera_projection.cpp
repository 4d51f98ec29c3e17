// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <optional>

#include "core/sim/play_table.h"
#include "tests/support/suite.h"

using namespace deer;

namespace {

// The middle of the pixels in which `colored` holds, and how many there are.
template <typename Colored>
std::pair<PicturePoint, int> middle_of(const Image& image, Colored colored) {
  PicturePoint sum;
  int count = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const auto* const rgb = image.rgb.data() + 3 * (static_cast<std::size_t>(y) * image.width + x);
      if (!colored(rgb[0], rgb[1], rgb[2])) continue;
      sum.x += x;
      sum.y += y;
      ++count;
    }
  }
  if (count > 0) sum = {sum.x / count, sum.y / count};
  return {sum, count};
}

bool is_blue(int r, int g, int b) { return b > 90 && r < b / 2 && g < b * 2 / 3; }
bool is_red(int r, int g, int b) { return r > 100 && g < r / 2 && b < r / 2; }

// Where the middle of the visible part of a block appears: the mean over the faces that look at the camera, each
// weighted by the area that it covers in the picture; and that area.
std::pair<PicturePoint, double> middle_of_block(const CameraModel& camera, const Pose& pose, const Pose& block) {
  constexpr double kHalf = 0.0225;
  PicturePoint sum;
  double total = 0;
  for (int axis = 0; axis < 3; ++axis) {
    for (const double side : {-1.0, 1.0}) {
      // Corners in order around the face.
      std::array<PicturePoint, 4> corners;
      Vector3 center{};
      center[static_cast<std::size_t>(axis)] = side * kHalf;
      const Vector3 face = block * center;
      Vector3 outward{};
      for (std::size_t i = 0; i < 3; ++i) outward[i] = face[i] - block.position[i];
      double facing = 0;
      for (std::size_t i = 0; i < 3; ++i) facing += outward[i] * (pose.position[i] - face[i]);
      if (facing <= 0) continue;
      for (std::size_t corner = 0; corner < 4; ++corner) {
        auto at = center;
        at[static_cast<std::size_t>((axis + 1) % 3)] = (corner == 0 || corner == 3 ? -1 : 1) * kHalf;
        at[static_cast<std::size_t>((axis + 2) % 3)] = (corner < 2 ? -1 : 1) * kHalf;
        corners[corner] = project(camera, pose, block * at).value();
      }
      double area = 0;
      PicturePoint mean;
      for (std::size_t i = 0; i < 4; ++i) {
        const auto& a = corners[i];
        const auto& b = corners[(i + 1) % 4];
        area += (a.x * b.y - b.x * a.y) / 2;
        mean.x += a.x / 4;
        mean.y += a.y / 4;
      }
      sum.x += std::abs(area) * mean.x;
      sum.y += std::abs(area) * mean.y;
      total += std::abs(area);
    }
  }
  return {{sum.x / total, sum.y / total}, total};
}

double distance(const PicturePoint& a, const PicturePoint& b) { return std::hypot(a.x - b.x, a.y - b.y); }

}  // namespace

class TestCameraProjection : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void blocks_are_where_the_static_camera_shows_them() {
    PlayTable table;
    double worst = 0;
    int compared = 0;
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      table.reset({}, seed);
      const auto cameras = table.cameras();
      QVERIFY(cameras && cameras->fixed && cameras->gripper);
      QVERIFY(cameras->fixed->mount == CameraModel::Mount::world);
      const auto images = table.render();
      const auto pose = world_from_camera(*cameras->fixed, table.state().world_from_tcp);
      for (const auto block : {Block::red, Block::blue}) {
        const auto [found, count] = middle_of(*images.rgb_static, block == Block::red ? is_red : is_blue);
        const auto [expected, area] = middle_of_block(*cameras->fixed, pose, table.state().block(block));
        // A block that the hand or another block hides in part is no measure.
        if (std::abs(count - area) > 0.12 * area) continue;
        worst = std::max(worst, distance(found, expected));
        ++compared;
      }
    }
    QVERIFY2(compared >= 12, qPrintable(QString::number(compared)));
    QVERIFY2(worst < 1.5, qPrintable(QString::number(worst)));
  }

  void the_cameras_place_differs_from_table_to_table() {
    PlayTable table;
    table.reset({}, 1);
    const auto first = table.cameras();
    QCOMPARE(table.cameras(), first);
    table.step({0, 0, 0.5, 0, 0, 0, 1});
    QCOMPARE(table.cameras(), first);  // the gripper's moves with the TCP, which is in no number
    table.reset({}, 2);
    QVERIFY(!(*table.cameras() == *first));
    QVERIFY(std::abs(table.cameras()->fixed->mount_from_camera.position[0] - 2.871459) < 0.0101);
  }

  void the_gripper_camera_is_calvins_and_sees_the_block_below() {
    PlayTable table({.vary_appearance = false});
    double worst = 0;
    int compared = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      table.scatter(seed);
      const auto& camera = *table.cameras()->gripper;
      const auto calvin = calvin_tcp_from_gripper_camera();
      for (std::size_t i = 0; i < 3; ++i)
        QVERIFY(std::abs(camera.mount_from_camera.position[i] - calvin.position[i]) < 1e-6);
      for (std::size_t i = 0; i < 9; ++i)
        QVERIFY(std::abs(camera.mount_from_camera.rotation[i] - calvin.rotation[i]) < 1e-6);
      const auto pose = world_from_camera(camera, table.state().world_from_tcp);
      const auto image = table.render().rgb_gripper;
      for (const auto block : {Block::red, Block::blue}) {
        const auto& at = table.state().block(block);
        const auto center = project(camera, pose, at.position);
        if (!center || center->x < 20 || center->x > 64 || center->y < 20 || center->y > 64) continue;
        const auto [found, count] = middle_of(*image, block == Block::red ? is_red : is_blue);
        const auto [expected, area] = middle_of_block(camera, pose, at);
        if (std::abs(count - area) > 0.12 * area) continue;  // a finger hides a part of it
        worst = std::max(worst, distance(found, expected));
        ++compared;
      }
    }
    QVERIFY2(compared >= 3, qPrintable(QString::number(compared)));
    QVERIFY2(worst < 2, qPrintable(QString::number(worst)));
  }
};

DEER_SUITE(TestCameraProjection)
#include "tst_camera_projection.moc"
