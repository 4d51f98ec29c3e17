// SPDX-License-Identifier: GPL-3.0-or-later
#include <QMenu>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>

#include "tests/support/suite.h"
#include "tests/widgets/support/recorded_dataset.h"
#include "tests/widgets/support/scene.h"
#include "widgets/base/empty_state.h"
#include "widgets/cameras/camera_wall.h"

using namespace deer;
using namespace deer::test;

namespace {

constexpr int kWallPatienceMs = 20'000;

RecordingSchema four_cameras() {
  RecordingSchema out;
  for (const char* name : {"front", "left wrist", "right wrist", "top"}) out.cameras.push_back({name, 32, 24});
  return out;
}

QColor seen_at(CameraWall& wall, const QString& camera) {
  const auto rect = wall.picture_rect(camera);
  if (rect.isEmpty()) return {};
  const auto image = wall.grab().toImage();
  return image.pixelColor((QPointF(rect.center()) * image.devicePixelRatio()).toPoint());
}

struct WallFixture {
  explicit WallFixture(RecordingSchema schema) : session(EngineFactory(), MadeRecording::opener(std::move(schema))) {
    wall.resize(640, 400);
    wall.show();
    shown = QTest::qWaitForWindowExposed(&wall);
    session.open_source("/data/made");
  }
  bool wait(const std::function<bool()>& done) { return QTest::qWaitFor(done, kWallPatienceMs); }

  Session session;
  CameraWall wall{&session};
  bool shown = false;
};

}  // namespace

class CameraWallTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void every_camera_is_shown() {
    WallFixture f(four_cameras());
    QVERIFY(f.shown);
    QCOMPARE(f.wall.findChild<EmptyState*>()->action(), QStringLiteral("Open dataset…"));
    QVERIFY(f.wait([&] { return !f.wall.picture_rect("top").isEmpty(); }));
    QCOMPARE(f.wall.cameras().size(), 4);
    QList<QRect> places;
    for (int c = 0; c < 4; ++c) {
      const auto& name = f.wall.cameras()[c];
      const auto color = seen_at(f.wall, name);
      QVERIFY2(std::abs(color.blue() - (60 + 60 * c)) < 3, qPrintable(name + u' ' + color.name()));
      const auto place = f.wall.picture_rect(name);
      QVERIFY(f.wall.rect().contains(place));
      QVERIFY(std::abs(place.width() * 3 - place.height() * 4) <= 8);
      for (const auto& other : places) QVERIFY(!other.intersects(place));
      places << place;
    }
    // One that is missing in a frame leaves its place.
    f.session.set_current_frame(1);
    QVERIFY(f.wait([&] { return f.wall.picture_rect("top").isEmpty(); }));
    QVERIFY(!f.wall.picture_rect("front").isEmpty());
  }

  void a_menu_chooses() {
    WallFixture f(four_cameras());
    QVERIFY(f.wait([&] { return !f.wall.picture_rect("top").isEmpty(); }));
    const auto small = f.wall.picture_rect("front");
    auto* const menu = f.wall.findChild<QToolButton*>()->menu();
    Q_EMIT menu->aboutToShow();
    QCOMPARE(menu->actions().size(), 4);
    for (const int i : {1, 2, 3}) menu->actions()[i]->trigger();
    QCOMPARE(f.wall.shown(), QStringList{"front"});
    QVERIFY(f.wall.picture_rect("front").width() > small.width());
    QVERIFY(f.wall.picture_rect("left wrist").isEmpty());
    Q_EMIT menu->aboutToShow();
    QVERIFY(!menu->actions()[1]->isChecked());
    menu->actions()[0]->trigger();
    auto* const empty = f.wall.findChild<EmptyState*>();
    QVERIFY(empty->isVisible() && empty->sentence().contains("No camera is chosen"));
    f.wall.set_shown("right wrist", true);
    QVERIFY(!empty->isVisible());
    QVERIFY(std::abs(seen_at(f.wall, "right wrist").blue() - 180) < 3);
  }

  void calvin_s_two_cameras_are_there_too() {
    Scene scene;
    const auto session = scene.session();
    CameraWall wall(session.get());
    wall.resize(400, 300);
    wall.show();
    QSignalSpy asked(&wall, &CameraWall::open_dataset_requested);
    Q_EMIT wall.findChild<EmptyState*>()->action_triggered();
    QCOMPARE(asked.count(), 1);
    session->open_source("/data/made");
    QVERIFY(QTest::qWaitFor([&] { return !wall.picture_rect("static camera").isEmpty(); }, kWallPatienceMs));
  }

  void a_dataset_without_cameras_says_so() {
    RecordingSchema numbers;
    numbers.series = {{"action", {"a", "b"}}};
    WallFixture f(numbers);
    QVERIFY(f.wait([&] { return f.wall.findChild<EmptyState*>()->sentence().contains("has no cameras"); }));
  }
};

DEER_SUITE(CameraWallTest)
#include "tst_camera_wall.moc"
