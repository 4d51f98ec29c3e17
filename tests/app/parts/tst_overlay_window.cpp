// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTemporaryDir>
#include <QTest>

#include "app/gui/parts/overlay_part.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/session_restore.h"
#include "sessions/frames/playback.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "widgets/base/theme.h"
#include "widgets/cameras/camera_view.h"
#include "widgets/cameras/overlay_picker.h"
#include "widgets/cameras/tcp_layer.h"

namespace deer::test {
namespace {

constexpr int kPatienceMs = 60'000;

/// The real window over the demo's model and episodes.
struct DemoWindow {
  DemoWindow() : window(&session, SessionStore(folder.filePath("settings").toStdString())) {
    window.restore()->set_saves(false);
    window.resize(1280, 800);
    window.show();
    for (auto* const view : window.findChildren<CameraView*>()) {
      (view->accessibleName() == "Static camera" ? fixed : gripper) = view;
    }
    overlays = window.findChild<CameraOverlays*>();
  }
  bool open() {
    session.open_model(DEER_SOURCE_DIR "/resources/demo/model");
    session.open_source(DEER_SOURCE_DIR "/resources/demo/episodes");
    return QTest::qWaitFor(
        [this] {
          return session.model() && session.episode() && session.activity() == Session::Activity::idle &&
                 fixed->state() == CameraView::State::picture && gripper->state() == CameraView::State::picture;
        },
        kPatienceMs);
  }
  bool active() {
    window.activateWindow();
    window.setFocus();
    return QTest::qWaitForWindowActive(&window);
  }
  bool wait_map(qint64 frame) {
    return QTest::qWaitFor([&] { return overlays->maps().map() && overlays->maps().map()->frame == frame; },
                           kPatienceMs);
  }

  QTemporaryDir folder;
  Session session;
  MainWindow window;
  CameraView* fixed = nullptr;
  CameraView* gripper = nullptr;
  CameraOverlays* overlays = nullptr;
};

int pixels_that_differ(const QImage& a, const QImage& b, const QRect& within) {
  int out = 0;
  for (int y = within.top(); y <= within.bottom(); ++y) {
    for (int x = within.left(); x <= within.right(); ++x) out += a.pixel(x, y) != b.pixel(x, y);
  }
  return out;
}

}  // namespace

class OverlayWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

  void attention_of_the_demo_model() {
    DemoWindow f;
    QVERIFY(f.fixed && f.gripper && f.overlays);
    QVERIFY(f.open());
    const auto before_fixed = f.fixed->grab().toImage();
    const auto before_gripper = f.gripper->grab().toImage();
    QVERIFY(f.window.commands()->trigger("overlay.attention"));
    QVERIFY(f.window.commands()->action("overlay.attention")->isChecked());
    QVERIFY(f.wait_map(0));
    const auto& map = *f.overlays->maps().map();
    QCOMPARE(map.rows, 8);
    QCOMPARE(map.columns, 8);
    QCOMPARE(map.exit_layer, f.session.model()->exit_layers.back());  // nothing was run: the deepest
    double sum = 0;
    for (std::size_t camera = 0; camera < 2; ++camera) {
      for (const float weight : map.weights(camera, -1)) {
        QVERIFY(weight > 0);
        sum += double(weight);
      }
    }
    QVERIFY(std::abs(sum - 1) < 1e-5);
    // Nearly the whole of both pictures has changed.
    for (const auto& [view, before] : {std::pair{f.fixed, before_fixed}, std::pair{f.gripper, before_gripper}}) {
      QTRY_VERIFY(!view->patch_grid().isEmpty());
      const auto grid = view->patch_grid().toRect();
      QTRY_VERIFY(pixels_that_differ(before, view->grab().toImage(), grid) > grid.width() * grid.height() * 8 / 10);
    }
    QVERIFY(f.fixed->overlay_texts().first().contains("attention at exit 6, mean of 2 heads"));
    QVERIFY(f.active());
    f.session.selection()->set_selected_exit(1);
    QTRY_VERIFY(f.overlays->maps().map() && f.overlays->maps().map()->exit_layer == 3);
    QTest::keyClick(&f.window, Qt::Key_A, Qt::ShiftModifier);
    QCOMPARE(f.overlays->settings().head, 0);
    QVERIFY(f.fixed->overlay_texts().first().contains("attention at exit 2, head 1 of 2"));
    QTest::keyClick(&f.window, Qt::Key_A);
    QVERIFY(!f.overlays->settings().attention);
    QVERIFY(f.fixed->patch_grid().isEmpty());
  }

  void the_tcp_of_the_demo_episode() {
    DemoWindow f;
    QVERIFY(f.open());
    f.session.set_current_frame(10);
    QVERIFY(f.active());
    QTest::keyClick(&f.window, Qt::Key_H);
    QVERIFY(f.overlays->settings().tcp);
    QTRY_VERIFY_WITH_TIMEOUT(f.overlays->track().at(10) && f.overlays->track().at(0), kPatienceMs);
    const auto marks = tcp_marks(*f.overlays, Camera::fixed, 10, {200, 200});
    QVERIFY2(marks.problem.isEmpty(), qPrintable(marks.problem));
    QVERIFY(marks.now && QRectF(0, 0, 200, 200).contains(*marks.now));
    QVERIFY(marks.past.front().size() == 11);
    const auto in_hand = tcp_marks(*f.overlays, Camera::gripper, 10, {84, 84});
    QVERIFY(in_hand.now && QRectF(0, 0, 84, 84).contains(*in_hand.now));
    // The cross-hair is there.
    const auto cross_hair_is_there = [&] {
      const auto image = f.fixed->grab().toImage();
      const QRectF target = f.fixed->picture_rect();
      const QPointF at = target.topLeft() + *marks.now * target.width() / 200;
      const auto ink = Theme::instance().colors().text;
      // A line between two rows of pixels is in both.
      for (int x = -10; x <= -4; ++x) {
        for (const double y : {-0.5, 0.5}) {
          const auto color = image.pixelColor((at + QPointF(x, y)).toPoint());
          if (std::abs(color.red() - ink.red()) + std::abs(color.green() - ink.green()) < 60) return true;
        }
      }
      return false;
    };
    QTRY_VERIFY(cross_hair_is_there());  // the picture may come after the track
  }

  void the_static_view_has_the_button() {
    DemoWindow f;
    QVERIFY(f.open());
    auto* const picker = f.fixed->findChild<OverlayPicker*>();
    QVERIFY(picker);
    QVERIFY(picker->focusPolicy() == Qt::TabFocus);
    // Where the picture is small it is the same with fewer words, clear of the caption.
    f.window.resize(1600, 1000);
    QTRY_VERIFY(picker->isVisible());
    QVERIFY(f.fixed->picture_rect().contains(picker->geometry()));
    QVERIFY(picker->text().startsWith("Overlay"));
  }

 private:
  LogGuard log_;
};

}  // namespace deer::test

DEER_SUITE(deer::test::OverlayWindowTest)
#include "tst_overlay_window.moc"
