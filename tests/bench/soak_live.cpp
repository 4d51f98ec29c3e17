// SPDX-License-Identifier: GPL-3.0-or-later
// soak_live [SECONDS] [--check]: the demo model live on two virtual cameras of 30 frames a second, shown in a
// window. Prints rate, drops, latency and resident memory. With --check, fails if frames are lost without
// being counted or if memory grows.
#include <QApplication>
#include <QDeadlineTimer>
#include <QElapsedTimer>
#include <QTimer>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "app/gui/bars/status_line.h"
#include "sessions/analysis/process_memory.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/live/cameras.h"
#include "sessions/session/live_session.h"
#include "tests/support/virtual_camera.h"
#include "widgets/base/theme.h"
#include "widgets/cameras/camera_view.h"

namespace {

constexpr double kMiB = 1024.0 * 1024.0;
constexpr std::size_t kPictureRoom = std::size_t{64} << 20;
// What is kept of each frame for good, features for replays included, is a few kilobytes with the demo model.
constexpr double kKeptPerFrame = 64 * 1024;
constexpr qint64 kFewestFrames = 10;
constexpr double kSlack = 48 * kMiB;  // allocators do not give back all they took

int fail(const char* what) {
  std::fprintf(stderr, "soak_live: %s\n", what);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  double seconds = 60;
  bool check = false;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--check") {
      check = true;
    } else {
      seconds = std::atof(argv[i]);
    }
  }
  if (seconds <= 0) return fail("usage: soak_live [SECONDS] [--check]");
  deer::Theme::instance().apply();

  const auto fixed = std::make_shared<deer::test::VirtualCamera>();
  const auto gripper = std::make_shared<deer::test::VirtualCamera>();
  for (const auto& camera : {fixed, gripper}) camera->period_us = 33'333;
  fixed->width = 640;
  fixed->height = 480;
  gripper->width = 320;
  gripper->height = 240;

  int result = 0;
  {
    deer::Session session;
    session.frames()->set_cache_bytes(kPictureRoom);
    QString problem;
    QObject::connect(&session, &deer::Session::problem, &application, [&](const deer::Problem& what) {
      problem = what.title + QStringLiteral(": ") + what.details;
      application.quit();
    });
    QWidget window;
    deer::CameraView static_view(&session, deer::Camera::fixed, &window);
    deer::CameraView gripper_view(&session, deer::Camera::gripper, &window);
    window.resize(800, 400);
    static_view.setGeometry(0, 0, 400, 400);
    gripper_view.setGeometry(400, 0, 400, 400);
    window.show();

    session.open_model(DEER_SOURCE_DIR "/tests/data/random_demo/model");
    deer::CameraSourceOptions options;
    options.fixed.source = "/dev/fixed";
    options.gripper = deer::CameraSettings{.source = "/dev/gripper"};
    options.instruction = "open the drawer";
    session.live()->open(QStringLiteral("virtual cameras"),
                         deer::camera_opener(options, deer::test::virtual_opener(fixed, gripper)));

    // Memory is compared once the room for pictures is full, and not before the model has run for a while.
    double start_bytes = 0;
    qint64 start_frames = 0;
    const double picture_bytes = 640.0 * 480 * 3 + 320.0 * 240 * 3;
    QElapsedTimer clock;
    // Reports and frames come by different ways: the drops can be checked where a report is of all frames shown.
    int counted = 0;
    int miscounted = 0;
    QObject::connect(session.live(), &deer::LiveSession::report_changed, &application, [&] {
      const auto shown = session.frame_count();
      const auto& cameras = session.live()->report().cameras;
      if (shown == 0 || cameras.empty() || cameras.front().delivered != shown) return;
      const auto passed =
          session.frames()->observation(shown - 1)->frame_id - session.frames()->observation(0)->frame_id + 1;
      ++counted;
      if (passed != cameras.front().delivered + cameras.front().dropped) ++miscounted;
    });
    QTimer timer;
    QObject::connect(&timer, &QTimer::timeout, &application, [&] {
      const bool full = double(session.frame_count()) * picture_bytes > 1.2 * double(kPictureRoom);
      if (start_frames == 0 && full) {
        start_bytes = double(deer::resident_bytes());
        start_frames = session.frame_count();
        clock.start();
      }
      // On a busy machine frames can take a second each.
      const bool enough = session.frame_count() - start_frames >= kFewestFrames && counted > 0;
      if (clock.isValid() && clock.elapsed() >= qint64(seconds * 1000) && enough) application.quit();
    });
    timer.start(50);
    application.exec();
    if (!problem.isEmpty()) return fail(qPrintable(problem));

    const double end_bytes = double(deer::resident_bytes());
    const auto elapsed_s = double(clock.elapsed()) / 1000;
    session.live()->pause();
    for (QDeadlineTimer deadline(30'000);
         session.evaluated_count() < session.frame_count() && !deadline.hasExpired();) {
      QCoreApplication::processEvents(QEventLoop::AllEvents, 50);
    }
    const auto& report = session.live()->report();
    const auto frames = session.frame_count() - start_frames;
    const auto latency = session.live()->latency();
    std::printf("%.1f s, %lld frames, %.1f frames a second\n", elapsed_s, static_cast<long long>(frames),
                double(frames) / elapsed_s);
    for (const auto& camera : report.cameras) {
      std::printf("%s: captured %lld, delivered %lld, dropped %lld, reconnects %d\n", camera.name.c_str(),
                  static_cast<long long>(camera.captured), static_cast<long long>(camera.delivered),
                  static_cast<long long>(camera.dropped), camera.reconnects);
    }
    std::printf("drops checked in %d reports, wrong in %d\n", counted, miscounted);
    std::printf("largest skew %.1f ms\n", report.largest_skew_ms);
    std::printf("capture to screen: median %.1f ms, 95th percentile %.1f ms, %lld frames painted\n", latency.median_ms,
                latency.p95_ms, static_cast<long long>(latency.count));
    std::printf("resident memory: %.1f MiB at the start, %.1f MiB at the end, %+.2f KiB a frame\n", start_bytes / kMiB,
                end_bytes / kMiB, frames > 0 ? (end_bytes - start_bytes) / 1024 / double(frames) : 0.0);
    if (check) {
      if (session.evaluated_count() != session.frame_count()) result = fail("frames are without a record");
      if (latency.count == 0) result = fail("nothing was painted");
      if (end_bytes > start_bytes + kSlack + kKeptPerFrame * double(frames)) result = fail("memory grows");
      for (qint64 i = 1; i < session.frame_count() && result == 0; ++i) {
        if (session.frames()->observation(i)->frame_id <= session.frames()->observation(i - 1)->frame_id) {
          result = fail("frames are out of order");
        }
      }
      if (miscounted > 0) result = fail("drops are not all counted");
    }
  }
  deer::LiveCamera::wait_for_readers(std::chrono::seconds(2));
  return result;
}
