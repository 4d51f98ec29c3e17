// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QDockWidget>
#include <QMainWindow>
#include <QMouseEvent>
#include <QTemporaryDir>
#include <QTest>
#include <QVBoxLayout>
#include <cmath>

#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/arm/arm_fixture.h"
#include "widgets/arm/arm_canvas.h"
#include "widgets/base/theme.h"

namespace deer {

using namespace test;

namespace {

std::shared_ptr<ArmState> state_of(int frame, double scale = 5) {
  auto out = std::make_shared<ArmState>();
  const auto obs = moving_robot(frame);
  out->model = panda_model();
  out->world_from_base = kSceneDWorldFromBase;
  out->joints = out->model->pose(obs, out->world_from_base, {}).joints;
  out->world_from_tcp = world_from_tcp_observed(obs);
  out->opening_m = obs[6];
  out->step_scale = scale;
  out->colors = Theme::instance().colors();
  out->dark = Theme::instance().is_dark();
  out->past = {{{obs[0], obs[1], obs[2]}, out->colors.recorded}};
  out->recorded_path = {{obs[0], obs[1], obs[2]}};
  return out;
}

void drag(QWidget* on, const QPoint& from, const QPoint& to, Qt::MouseButton button, Qt::KeyboardModifiers keys = {}) {
  QTest::mousePress(on, button, keys, from);
  QMouseEvent move(QEvent::MouseMove, to, on->mapToGlobal(to), Qt::NoButton, button, keys);
  QApplication::sendEvent(on, &move);
  QTest::mouseRelease(on, button, keys, to);
}

}  // namespace

class ArmCanvasTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init();
  void cleanup();
  void camera_keeps_what_is_under_the_pointer();
  void presets_look_where_they_say();
  void axes_stand_out();
  void the_picture_is_where_it_belongs();
  void predictions_have_their_exits_colours();
  void themes_change_the_picture();
  void twice_the_pixels();
  void survives_moving_about();
  void mouse_and_keys_look_around();

 private:
  std::unique_ptr<LogGuard> log_;
};

void ArmCanvasTest::init() {
  log_ = std::make_unique<LogGuard>();
  Theme::instance().set_mode(Theme::Mode::light);
}

void ArmCanvasTest::cleanup() {
  const auto unexpected = log_->unexpected();
  log_.reset();
  QCOMPARE(unexpected, QStringList());
}

void ArmCanvasTest::camera_keeps_what_is_under_the_pointer() {
  const QSizeF view(500, 300);
  auto camera = ArmCamera::preset(ArmCamera::Preset::overview, {});
  const auto close_to = [](const QPointF& a, const QPointF& b) {
    return std::hypot(a.x() - b.x(), a.y() - b.y()) < 0.01;
  };
  QVERIFY(close_to(*camera.project(camera.focus, view), {250, 150}));
  // A point in the plane of the focus, under the pointer.
  const auto mark = [&](double x, double y) {
    Vector3 out = camera.focus;
    for (std::size_t i = 0; i < 3; ++i) out[i] += x * camera.right()[i] + y * camera.up()[i];
    return out;
  };
  const auto point = mark(0.2, -0.1);
  const auto at = *camera.project(point, view);
  camera.zoom(1.7, at, view);
  QVERIFY(close_to(*camera.project(point, view), at));
  camera.pan({30, -12}, view);
  QVERIFY(close_to(*camera.project(point, view), at + QPointF(30, -12)));
  const auto focus = camera.focus;
  camera.orbit(70, 200);
  QCOMPARE(camera.elevation, 90.0);
  QCOMPARE(camera.focus, focus);
  QVERIFY(close_to(*camera.project(focus, view), {250, 150}));
  // Behind the eye nothing is seen.
  auto behind = camera.eye();
  behind[2] += 1;
  QVERIFY(!camera.project(behind, view));
  for (int i = 0; i < 100; ++i) camera.zoom(1.5, at, view);
  QVERIFY(camera.distance_m >= 0.05);
  for (int i = 0; i < 200; ++i) camera.zoom(0.5, at, view);
  QVERIFY(camera.distance_m <= 12);
}

void ArmCanvasTest::presets_look_where_they_say() {
  using Preset = ArmCamera::Preset;
  const auto near = [](const Vector3& a, const Vector3& b) {
    return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) < 1e-4;
  };
  QVERIFY(near(ArmCamera::preset(Preset::front, {}).right(), {1, 0, 0}));
  QVERIFY(near(ArmCamera::preset(Preset::side, {}).right(), {0, 1, 0}));
  const auto top = ArmCamera::preset(Preset::top, {});
  QVERIFY(near(top.right(), {1, 0, 0}) && near(top.up(), {0, 1, 0}));
  // The axes that the simulated world has for the same camera.
  const auto fixed = ArmCamera::preset(Preset::static_camera, {});
  QVERIFY(near(fixed.eye(), {2.871459, -2.166602, 2.555160}));
  QVERIFY(near(fixed.right(), {0.723245, 0.514124, -0.461079}));
  QVERIFY(near(fixed.up(), {-0.030261, 0.690610, 0.722594}));
  QCOMPARE(fixed.view_angle, 10.0);
  QVERIFY(near(ArmCamera::preset(Preset::follow, {0.1, 0.2, 0.3}).focus, {0.1, 0.2, 0.3}));
}

void ArmCanvasTest::axes_stand_out() {
  for (const auto mode : {Theme::Mode::light, Theme::Mode::dark}) {
    Theme::instance().set_mode(mode);
    const auto& c = Theme::instance().colors();
    for (const auto& axis : axis_colors(Theme::instance().is_dark())) {
      QVERIFY2(Theme::contrast(axis, c.background) >= 3, qPrintable(axis.name()));
      QVERIFY2(Theme::contrast(axis, c.surface) >= 3, qPrintable(axis.name()));
    }
  }
}

void ArmCanvasTest::the_picture_is_where_it_belongs() {
  ArmCanvas canvas;
  canvas.set_state(state_of(20));
  show(canvas, 480, 360);
  QVERIFY(settles(&canvas));
  using Preset = ArmCamera::Preset;
  for (const auto preset : {Preset::overview, Preset::front, Preset::side, Preset::follow}) {
    canvas.set_preset(preset);
    QVERIFY(settles(&canvas));
    check_picture(canvas);
  }
  // A tall view shows as much as a wide one.
  canvas.resize(240, 400);
  canvas.set_preset(Preset::overview);
  QVERIFY(settles(&canvas));
  check_picture(canvas);
  // What is saved has the labels too, and is not scaled.
  const auto saved = canvas.picture();
  QCOMPARE(saved.size(), canvas.image().size());
  QVERIFY(saved.convertToFormat(QImage::Format_RGB32) != canvas.image().convertToFormat(QImage::Format_RGB32));
  QTemporaryDir folder;
  QVERIFY(saved.save(folder.filePath("arm.png")));
  QCOMPARE(QImage(folder.filePath("arm.png")).size(), saved.size());
}

void ArmCanvasTest::predictions_have_their_exits_colours() {
  ArmCanvas canvas;
  auto state = state_of(20, 20);
  const auto& tcp = state->world_from_tcp;
  // A fan in front of the camera, so that none hides another.
  const auto camera = ArmCamera::preset(ArmCamera::Preset::follow, tcp.position);
  for (int exit = 0; exit < 6; ++exit) {
    ArmHand hand;
    hand.world_from_tcp = tcp;
    for (std::size_t i = 0; i < 3; ++i) {
      hand.world_from_tcp.position[i] += (0.1 * exit - 0.25) * camera.right()[i] - 0.03 * camera.up()[i];
    }
    hand.color = Theme::instance().exit_color(exit, 6);
    hand.exit = exit;
    hand.opening_m = 0.08;
    hand.executed = exit == 2;
    state->predictions.push_back(hand);
  }
  ArmHand recorded;
  recorded.world_from_tcp = tcp;
  for (std::size_t i = 0; i < 3; ++i) recorded.world_from_tcp.position[i] += 0.12 * camera.up()[i];
  recorded.color = state->colors.recorded;
  recorded.opening_m = 0.08;
  state->recorded = recorded;
  canvas.set_state(state);
  canvas.set_preset(ArmCamera::Preset::follow);
  canvas.set_camera(camera);
  show(canvas, 700, 460);
  QVERIFY(settles(&canvas));
  for (const auto& hand : state->predictions) {
    const auto tip = projected(canvas, hand.world_from_tcp.position);
    const int off = nearest(canvas, tip, 6, hand.color);
    QVERIFY2(off < 24, qPrintable(QStringLiteral("exit %1: off by %2").arg(hand.exit + 1).arg(off)));
  }
  // Without predictions those colours are gone.
  canvas.set_state(state_of(20, 20));
  QVERIFY(settles(&canvas));
  for (const auto& hand : state->predictions) {
    QVERIFY(nearest(canvas, projected(canvas, hand.world_from_tcp.position), 6, hand.color) >= 24);
  }
}

void ArmCanvasTest::themes_change_the_picture() {
  ArmCanvas canvas;
  show(canvas, 320, 260);
  for (const auto mode : {Theme::Mode::light, Theme::Mode::dark}) {
    Theme::instance().set_mode(mode);
    canvas.set_state(state_of(20));
    QVERIFY(settles(&canvas));
    check_picture(canvas);
    const auto ground = canvas.image().pixelColor(2, 2);
    QVERIFY(mode == Theme::Mode::dark ? ground.lightness() < 60 : ground.lightness() > 200);
  }
}

void ArmCanvasTest::twice_the_pixels() {
  if (!qEnvironmentVariable("QT_SCALE_FACTOR").startsWith(u'2')) {
    return run_again("arm_canvas", "twice_the_pixels", "QT_SCALE_FACTOR", "2");
  }
  ArmCanvas canvas;
  canvas.set_state(state_of(20));
  show(canvas, 320, 260);
  QCOMPARE(canvas.devicePixelRatioF(), 2.0);
  QVERIFY(settles(&canvas));
  QCOMPARE(canvas.image().size(), QSize(640, 520));
  check_picture(canvas);
}

void ArmCanvasTest::survives_moving_about() {
  QMainWindow first, second;
  auto* const holder = new QWidget;
  auto* const layout = new QVBoxLayout(holder);
  first.setCentralWidget(holder);
  auto* const canvas = new ArmCanvas;
  layout->addWidget(canvas);
  canvas->set_state(state_of(20));
  show(first, 500, 400);
  const auto check = [&](const char* what) {
    const bool settled = settles(canvas);
    QVERIFY2(settled, what);
    check_picture(*canvas);
  };
  check("at first");
  first.resize(420, 520);
  QVERIFY(QTest::qWaitFor([&] { return first.height() == 520; }, kPatienceMs));
  check("resized");
  canvas->hide();
  canvas->set_state(state_of(40));
  QTest::qWait(50);
  canvas->show();
  check("hidden and shown");
  // Into another window, and back.
  auto* const dock = new QDockWidget;
  second.addDockWidget(Qt::LeftDockWidgetArea, dock);
  show(second, 500, 400);
  dock->setWidget(canvas);
  canvas->show();
  canvas->set_state(state_of(60));
  check("in a dock");
  dock->setFloating(true);
  QTest::qWait(100);
  canvas->set_state(state_of(70));
  check("floating");
  dock->setFloating(false);
  QTest::qWait(100);
  canvas->set_state(state_of(80));
  check("docked again");
  layout->addWidget(canvas);
  canvas->show();
  second.close();
  check("back");
  // Two views at once draw apart from each other.
  ArmCanvas other;
  other.set_state(state_of(5));
  other.set_preset(ArmCamera::Preset::side);
  show(other, 300, 300);
  QVERIFY(settles(&other));
  check_picture(other);
  check("beside another");
}

void ArmCanvasTest::mouse_and_keys_look_around() {
  ArmCanvas canvas;
  canvas.set_state(state_of(20));
  show(canvas, 400, 300);
  const auto home = canvas.camera();
  drag(&canvas, {200, 150}, {250, 140}, Qt::LeftButton);
  QVERIFY(canvas.camera().azimuth < home.azimuth);
  QVERIFY(canvas.camera().elevation < home.elevation);
  QCOMPARE(canvas.camera().focus, home.focus);
  QTest::mouseDClick(&canvas, Qt::LeftButton, {}, {200, 150});
  QCOMPARE(canvas.camera(), home);
  for (const auto& [button, keys] : {std::pair(Qt::MiddleButton, Qt::KeyboardModifiers()),
                                     std::pair(Qt::LeftButton, Qt::KeyboardModifiers(Qt::ShiftModifier))}) {
    drag(&canvas, {200, 150}, {230, 150}, button, keys);
    QVERIFY(canvas.camera().focus != home.focus);
    QCOMPARE(canvas.camera().azimuth, home.azimuth);
    canvas.reset_camera();
  }
  const QPointF at(320, 90);
  QWheelEvent wheel(at, canvas.mapToGlobal(at), {}, {0, 120}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
  QApplication::sendEvent(&canvas, &wheel);
  QVERIFY(wheel.isAccepted());
  QVERIFY(canvas.camera().distance_m < home.distance_m);
  canvas.reset_camera();
  QTest::keyClick(&canvas, Qt::Key_Left, Qt::AltModifier);
  QVERIFY(canvas.camera().azimuth > home.azimuth);
  QTest::keyClick(&canvas, Qt::Key_Up, Qt::AltModifier | Qt::ShiftModifier);
  QVERIFY(canvas.camera().focus != home.focus);
  const double before = canvas.camera().distance_m;
  QTest::keyClick(&canvas, Qt::Key_Plus);
  QVERIFY(canvas.camera().distance_m < before);
  QTest::keyClick(&canvas, Qt::Key_Minus);
  QVERIFY(std::abs(canvas.camera().distance_m - before) < 1e-9);
  // Plain arrows step through frames: they are not the view's.
  QKeyEvent arrow(QEvent::KeyPress, Qt::Key_Left, Qt::NoModifier);
  arrow.setAccepted(true);
  QApplication::sendEvent(&canvas, &arrow);
  QVERIFY(!arrow.isAccepted());
  // A following camera goes where the hand goes, and keeps its side.
  canvas.set_preset(ArmCamera::Preset::follow);
  drag(&canvas, {200, 150}, {260, 150}, Qt::LeftButton);
  const double side = canvas.camera().azimuth;
  canvas.set_state(state_of(60));
  QCOMPARE(canvas.camera().focus, canvas.state()->world_from_tcp.position);
  QCOMPARE(canvas.camera().azimuth, side);
}

}  // namespace deer

DEER_SUITE(deer::ArmCanvasTest)

#include "tst_arm_canvas.moc"
