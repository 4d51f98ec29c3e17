// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QCoreApplication>
#include <QProcess>
#include <QTest>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "core/robot/arm_model.h"
#include "core/robot/panda.h"
#include "widgets/arm/arm_canvas.h"
#include "widgets/base/axis_colors.h"

namespace deer::test {

inline ArmModelPtr panda_model() {
  static const ArmModelPtr model = ArmModel::load(DEER_SOURCE_DIR "/resources/panda/panda.urdf");
  return model;
}

/// A movement over the table, in joints and as the pose that they lead to.
inline std::array<double, 15> moving_robot(std::int64_t frame) {
  const double t = double(frame);
  const std::array<double, 7> joints = {-1.2 + 0.35 * std::sin(0.045 * t),
                                        1.05 + 0.12 * std::sin(0.07 * t),
                                        2.1,
                                        -2.34 + 0.15 * std::sin(0.05 * t),
                                        -0.87,
                                        1.64,
                                        0.55 + 0.3 * std::sin(0.03 * t)};
  std::array<double, 15> obs{};
  for (std::size_t i = 0; i < 7; ++i) obs[7 + i] = joints[i];
  obs[6] = 0.04 + 0.04 * std::cos(0.05 * t);
  obs[14] = obs[6] > 0.04 ? 1 : -1;
  const auto tcp = world_from_tcp_computed(panda_model()->robot(), obs);
  const auto euler = euler_xyz(tcp);
  for (std::size_t i = 0; i < 3; ++i) {
    obs[i] = tcp.position[i];
    obs[3 + i] = euler[i];
  }
  return obs;
}

inline constexpr int kPatienceMs = 60'000;
inline bool settles(const ArmCanvas* canvas) {
  return QTest::qWaitFor([canvas] { return canvas->is_settled(); }, kPatienceMs);
}

inline int difference(const QColor& a, const QColor& b) {
  return std::max({std::abs(a.red() - b.red()), std::abs(a.green() - b.green()), std::abs(a.blue() - b.blue())});
}

/// How close the pixels within `radius` (of the screen's units) come to a colour: 0 is equal.
inline int nearest(const ArmCanvas& canvas, const QPointF& at, double radius, const QColor& color) {
  const auto& image = canvas.image();
  const double ratio = image.devicePixelRatio();
  int best = 255;
  for (int y = int((at.y() - radius) * ratio); y <= int((at.y() + radius) * ratio); ++y) {
    for (int x = int((at.x() - radius) * ratio); x <= int((at.x() + radius) * ratio); ++x) {
      if (image.rect().contains(x, y)) best = std::min(best, difference(image.pixelColor(x, y), color));
    }
  }
  return best;
}

inline QPointF projected(const ArmCanvas& canvas, const Vector3& point) {
  return canvas.drawn_camera().project(point, canvas.size()).value_or(QPointF(-1000, -1000));
}

/// The three axes at the TCP, and the ground, are where they belong in the colours they should have.
inline void check_picture(const ArmCanvas& canvas) {
  const auto& state = *canvas.state();
  const auto& image = canvas.image();
  QCOMPARE(image.size(), (QSizeF(canvas.size()) * canvas.devicePixelRatioF()).toSize());
  const auto corner = image.pixelColor(image.width() - 2, 1);
  QVERIFY2(difference(corner, state.colors.background) < 12, qPrintable(corner.name()));
  // The z axis points down from the hand, into the open.
  const auto along_z = projected(canvas, state.world_from_tcp * Vector3{0, 0, 0.05});
  const int off = nearest(canvas, along_z, 3, axis_colors(state.dark)[2]);
  QVERIFY2(off < 60, qPrintable(QStringLiteral("%1 at %2, %3").arg(off).arg(along_z.x()).arg(along_z.y())));
  // The hand itself is there: not the ground's colour.
  const auto hand = projected(canvas, state.world_from_tcp * Vector3{0, 0, -0.11});
  QVERIFY(nearest(canvas, hand, 0, corner) > 12);
}

template <typename View>
void show(View& view, int width, int height) {
  view.resize(width, height);
  view.show();
  QVERIFY(QTest::qWaitForWindowExposed(view.window()));
}

/// Runs one function of this test again in a process of its own.
inline void run_again(const char* suite, const char* function, const char* variable, const char* value) {
  QProcess again;
  auto environment = QProcessEnvironment::systemEnvironment();
  environment.insert(QString::fromLatin1(variable), QString::fromLatin1(value));
  again.setProcessEnvironment(environment);
  again.setProcessChannelMode(QProcess::MergedChannels);
  again.start(QCoreApplication::applicationFilePath(),
              {QStringLiteral("--suite"), QString::fromLatin1(suite), QString::fromLatin1(function)});
  QVERIFY(again.waitForFinished(4 * kPatienceMs));
  const auto said = again.readAll();
  QVERIFY2(again.exitStatus() == QProcess::NormalExit && again.exitCode() == 0, said.constData());
}

}  // namespace deer::test
