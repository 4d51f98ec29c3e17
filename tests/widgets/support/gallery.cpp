// SPDX-License-Identifier: GPL-3.0-or-later
// Draws every view with made-up data into PNG files, for looking at them.
// Usage: gallery FOLDER [light|dark] [ltr|rtl]

#include <QApplication>
#include <QDir>
#include <QHBoxLayout>
#include <QTest>
#include <cstdio>

#include "sessions/analysis/run_summary.h"
#include "tests/widgets/support/scene.h"
#include "widgets/actions/action_view.h"
#include "widgets/analysis/similarity_view.h"
#include "widgets/base/theme.h"
#include "widgets/cameras/camera_view.h"
#include "widgets/episodes/episode_browser.h"
#include "widgets/episodes/frame_inspector.h"
#include "widgets/exits/delta_view.h"
#include "widgets/exits/threshold_editor.h"
#include "widgets/present/present_feed.h"
#include "widgets/present/present_view.h"
#include "widgets/timeline/playback_bar.h"
#include "widgets/timeline/timeline_view.h"

namespace {

using namespace deer;

class Gallery {
 public:
  explicit Gallery(const QString& folder) : folder_(folder) { QDir().mkpath(folder); }

  void shoot(QWidget* view, const QString& name, const QSize& size) {
    view->resize(size);
    view->show();
    QTest::qWait(250);  // queued drawing, and pictures that are still being read
    if (!view->grab().save(folder_ + QLatin1Char('/') + name + QLatin1String(".png"))) {
      std::fprintf(stderr, "cannot write %s\n", qPrintable(name));
    }
    view->hide();
  }

 private:
  QString folder_;
};

void shoot_views(Gallery& gallery, Session* session, const QString& state) {
  CameraView camera(session, Camera::fixed), gripper(session, Camera::gripper);
  TimelineView timeline(session);
  DeltaView deltas(session);
  ThresholdEditor editor(session);
  SimilarityView similarity(session);
  ActionView action(session);
  EpisodeBrowser browser(session);
  FrameInspector inspector(session);
  PlaybackBar playback(session);
  gallery.shoot(&camera, state + QLatin1String("-camera"), {320, 320});
  gallery.shoot(&gripper, state + QLatin1String("-gripper"), {180, 180});
  gallery.shoot(&timeline, state + QLatin1String("-timeline"), {1000, 380});
  gallery.shoot(&timeline, state + QLatin1String("-timeline-narrow"), {480, 300});
  gallery.shoot(&deltas, state + QLatin1String("-deltas"), {460, 300});
  gallery.shoot(&deltas, state + QLatin1String("-deltas-narrow"), {230, 300});
  gallery.shoot(&editor, state + QLatin1String("-editor"), {360, 620});
  gallery.shoot(&editor, state + QLatin1String("-editor-narrow"), {230, 620});
  gallery.shoot(&similarity, state + QLatin1String("-similarity"), {420, 420});
  gallery.shoot(&similarity, state + QLatin1String("-similarity-narrow"), {230, 300});
  gallery.shoot(&action, state + QLatin1String("-action"), {900, 320});
  gallery.shoot(&action, state + QLatin1String("-action-narrow"), {420, 320});
  gallery.shoot(&browser, state + QLatin1String("-browser"), {280, 320});
  gallery.shoot(&inspector, state + QLatin1String("-inspector"), {300, 460});
  gallery.shoot(&playback, state + QLatin1String("-playback"), {560, 36});
  RunSummary summary(session);
  PresentView stage;
  const PresentFeed feed(session, &summary, &stage);
  gallery.shoot(&stage, state + QLatin1String("-present"), {1280, 800});
  gallery.shoot(&stage, state + QLatin1String("-present-wide"), {1600, 700});
  gallery.shoot(&stage, state + QLatin1String("-present-tall"), {700, 1000});
}

}  // namespace

int main(int argc, char** argv) {
  QApplication app(argc, argv);
  if (argc < 2) {
    std::fprintf(stderr, "usage: gallery FOLDER [light|dark] [ltr|rtl]\n");
    return 2;
  }
  const QStringList words = QApplication::arguments().mid(2);
  Theme::instance().set_mode(words.contains(QLatin1String("dark")) ? Theme::Mode::dark : Theme::Mode::light);
  Theme::instance().apply();
  if (words.contains(QLatin1String("rtl"))) QApplication::setLayoutDirection(Qt::RightToLeft);
  Gallery gallery(QString::fromLocal8Bit(argv[1]));

  test::Scene scene;
  const auto empty = scene.session();
  shoot_views(gallery, empty.get(), QStringLiteral("empty"));

  const auto loaded = scene.session();
  if (!test::open_episode(loaded.get())) return 1;
  shoot_views(gallery, loaded.get(), QStringLiteral("episode"));

  const auto full = scene.session();
  if (!test::open_all(full.get())) return 1;
  // Every frame that is looked at brings its recorded action along.
  TimelineView timeline(full.get());
  for (qint64 frame = 0; frame < full->frame_count(); ++frame) {
    if (!QTest::qWaitFor([&] { return full->observation(frame) != nullptr; })) return 1;
  }
  full->set_current_frame(42);
  gallery.shoot(&timeline, QStringLiteral("full-timeline-recorded"), {1000, 380});
  timeline.zoom_in();
  timeline.zoom_in();
  timeline.zoom_in();
  gallery.shoot(&timeline, QStringLiteral("full-timeline-zoomed"), {1000, 380});
  shoot_views(gallery, full.get(), QStringLiteral("full"));

  test::Scene partial_scene;
  partial_scene.step_ms = 4;
  partial_scene.bad_frame = 60;
  partial_scene.gripper_camera = false;
  const auto partial = partial_scene.session();
  if (!test::open_episode(partial.get())) return 1;
  partial->open_model("scene");
  if (!QTest::qWaitFor([&] { return partial->model() != nullptr; })) return 1;
  partial->run_episode();
  if (!QTest::qWaitFor([&] { return partial->evaluated_count() > 40; }, 20'000)) return 1;
  partial->cancel();
  partial->set_current_frame(60);
  QTest::qWait(100);
  shoot_views(gallery, partial.get(), QStringLiteral("partial"));
  return 0;
}
