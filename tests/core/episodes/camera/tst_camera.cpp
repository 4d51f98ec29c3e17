// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <opencv2/videoio.hpp>
#include <set>
#include <thread>

#include "core/episodes/camera/camera_source.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/virtual_camera.h"

namespace deer::test {
namespace {

constexpr int kPatienceMs = 20000;
using std::chrono::milliseconds;

/// A source of virtual cameras with short timeouts.
struct Fixture {
  std::shared_ptr<CameraSource> open(bool pair = false) {
    CameraSourceOptions options;
    options.fixed.source = "/dev/fixed";
    if (pair) options.gripper = CameraSettings{.source = "/dev/gripper"};
    options.instruction = "open the drawer";
    options.timeouts = timeouts;
    options.most_age = milliseconds(2000);
    options.most_skew = most_skew;
    return source = CameraSource::open(options, virtual_opener(fixed, gripper));
  }
  CameraReport report(std::size_t which = 0) const { return source->report().cameras[which]; }
  bool wait_state(CameraState state, std::size_t which = 0) const {
    return QTest::qWaitFor([&] { return report(which).state == state; }, kPatienceMs);
  }
  ~Fixture() {
    source.reset();
    for (const auto& camera : {fixed, gripper}) camera->hangs = camera->opens_slowly = false;
    LiveCamera::wait_for_readers(milliseconds(kPatienceMs));
  }

  CameraTimeouts timeouts{.open = milliseconds(5000),
                          .stall = milliseconds(300),
                          .lost = milliseconds(600),
                          .first_retry = milliseconds(20),
                          .longest_retry = milliseconds(80),
                          .repeat = milliseconds(300)};
  milliseconds most_skew{1000};
  VirtualCameraPtr fixed = std::make_shared<VirtualCamera>();
  VirtualCameraPtr gripper = std::make_shared<VirtualCamera>();
  std::shared_ptr<CameraSource> source;
};

std::array<int, 3> pixel(const Image& image, int x, int y) {
  const auto at =
      (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(x)) * 3;
  return {image.rgb[at], image.rgb[at + 1], image.rgb[at + 2]};
}

}  // namespace

class CameraTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void sources_are_told_apart() {
    QVERIFY(camera_kind("0") == CameraKind::device);
    QVERIFY(camera_kind("/dev/video3") == CameraKind::device);
    QVERIFY(camera_kind("rtsp://robot:554/static") == CameraKind::stream);
    QVERIFY(camera_kind("https://host/video.mjpg") == CameraKind::stream);
    QVERIFY(camera_kind("videotestsrc ! videoconvert") == CameraKind::pipeline);
    QVERIFY(camera_kind("/data/run.mp4") == CameraKind::video);
    const TemporaryFolder folder;
    QVERIFY(camera_kind(folder.write("great run ! take 2.mp4", "").string()) == CameraKind::video);
    QCOMPARE(device_path("2"), std::string("/dev/video2"));
    DEER_VERIFY_ERROR(camera_kind(""), "no camera given");
    DEER_VERIFY_ERROR(camera_kind("gopher://u:secret@host"), "'gopher'");
    QVERIFY(error_of([] { camera_kind("gopher://u:secret@host"); }).find("secret") == std::string::npos);
    QCOMPARE(shown_source("rtsp://user:pa@ss@10.0.0.2:554/a@b"), std::string("rtsp://10.0.0.2:554/a@b"));
    QCOMPARE(shown_source("1"), std::string("/dev/video1"));
  }

  void what_cannot_work_is_said_at_once() {
    DEER_VERIFY_ERROR(check_camera({.source = "/dev/video987"}), "/dev/video987: no such camera");
    DEER_VERIFY_ERROR(check_camera({.source = "/no/such/video.mp4"}), "does not exist");
    CameraSourceOptions options;
    options.fixed.source = "0";
    options.gripper = CameraSettings{.source = "/dev/video0"};
    DEER_VERIFY_ERROR(CameraSource::open(options, virtual_opener(std::make_shared<VirtualCamera>())), "cannot be both");
  }

  void devices_are_listed() {
    TemporaryFolder folder;
    const auto device = [&](const char* node, const char* name, const char* index) {
      folder.write(std::filesystem::path(node) / "name", std::string_view(name));
      folder.write(std::filesystem::path(node) / "index", std::string_view(index));
    };
    device("video10", "Wrist\x01 camera\n", "0\n");
    device("video2", "Webcam\n", "0\n");
    device("video3", "Webcam\n", "1\n");  // its meta-data
    device("v4l-subdev0", "sensor\n", "0\n");
    const auto found = list_cameras(folder.path());
    QCOMPARE(found.size(), std::size_t(2));
    QCOMPARE(found[0].device, std::string("/dev/video2"));
    QCOMPARE(found[0].name, std::string("Webcam"));
    QCOMPARE(found[1].device, std::string("/dev/video10"));
    QCOMPARE(found[1].name, std::string("Wrist? camera"));
    QVERIFY(list_cameras("/no/such/folder").empty());
  }

  void pictures_are_turned_flipped_and_cropped() {
    auto image = std::make_shared<Image>();
    image->width = 3;
    image->height = 2;
    for (int i = 0; i < 6; ++i) image->rgb.insert(image->rgb.end(), 3, static_cast<std::uint8_t>(i));
    QVERIFY(adjusted(image, {}) == image);
    const auto turned = adjusted(image, {.source = "0", .quarter_turns = 1});
    QCOMPARE(turned->width, 2);
    QCOMPARE(turned->height, 3);
    QCOMPARE(pixel(*turned, 0, 0)[0], 3);
    QCOMPARE(pixel(*turned, 1, 0)[0], 0);
    QCOMPARE(pixel(*adjusted(image, {.source = "0", .quarter_turns = 3}), 0, 0)[0], 2);
    QCOMPARE(pixel(*adjusted(image, {.source = "0", .flip_horizontal = true}), 0, 0)[0], 2);
    QCOMPARE(pixel(*adjusted(image, {.source = "0", .flip_vertical = true}), 0, 0)[0], 3);
    const auto both = adjusted(image, {.source = "0", .flip_horizontal = true, .flip_vertical = true});
    QVERIFY(both->rgb == adjusted(image, {.source = "0", .quarter_turns = 2})->rgb);
    const auto part = adjusted(image, {.source = "0", .quarter_turns = 1, .crop = {1, 1, 5, 1}});
    QCOMPARE(part->width, 1);
    QCOMPARE(part->height, 1);
    QCOMPARE(pixel(*part, 0, 0)[0], 1);
    QVERIFY(adjusted(image, {.source = "0", .crop = {9, 9, 5, 5}}) == image);
  }

  void frames_come_in_order_with_stamps() {
    Fixture f;
    f.open();
    double before = -1;
    for (int i = 0; i < 20; ++i) {
      const auto seen = f.source->next({});
      QVERIFY(seen && seen->rgb_static && !seen->rgb_gripper);
      QCOMPARE(seen->frame, i);
      QCOMPARE(seen->starts_episode, i == 0);
      QVERIFY(seen->timestamp_s > before);
      before = seen->timestamp_s;
    }
    QVERIFY(f.wait_state(CameraState::live));
    QCOMPARE(f.report().width, 32);
    QVERIFY(f.report().frames_per_second > 0);
    QVERIFY(!f.source->length() && !f.source->info().has_gripper_camera);
    DEER_VERIFY_ERROR(f.source->read(0), "is live");
    f.source->instruct("close it");
    QCOMPARE(f.source->next({})->instruction, std::string("close it"));
  }

  void the_newest_is_taken_and_drops_are_counted() {
    Fixture f;
    f.open();
    f.source->resume();
    const auto first = f.source->next({});
    QVERIFY(QTest::qWaitFor([&] { return f.fixed->made > std::int64_t(picture_number(*first->rgb_static)) + 30; },
                            kPatienceMs));
    const auto second = f.source->next({});
    const auto between = second->frame_id - first->frame_id - 1;
    QVERIFY(between >= 30 - std::int64_t(LiveCamera::kKept));
    QVERIFY(f.report().dropped >= between);
    QCOMPARE(f.report().delivered, 2);
    // What passed while nobody wanted any is no drop.
    const auto dropped = f.report().dropped;
    const auto made = f.fixed->made.load();
    QVERIFY(QTest::qWaitFor([&] { return f.fixed->made > made + 30; }, kPatienceMs));
    f.source->resume();
    f.source->next({});
    QVERIFY(f.report().dropped < dropped + 25);
  }

  void a_stop_is_heard_even_in_a_read_that_hangs() {
    Fixture f;
    f.fixed->hangs = true;
    f.open();
    QVERIFY(QTest::qWaitFor([&] { return f.fixed->hanging == 1; }, kPatienceMs));
    std::stop_source stop;
    ObservationPtr seen = std::make_shared<Observation>();
    std::jthread waiting([&] { seen = f.source->next(stop.get_token()); });
    stop.request_stop();
    waiting.join();
    QVERIFY(!seen);
    f.source.reset();  // returns although the device does not
    QCOMPARE(f.fixed->hanging.load(), 1);
    QVERIFY(!LiveCamera::wait_for_readers(milliseconds(1)));
  }

  void an_unplugged_camera_comes_back() {
    Fixture f;
    f.open();
    QVERIFY(f.source->next({}) && f.wait_state(CameraState::live));
    f.fixed->plugged = false;
    QVERIFY(f.wait_state(CameraState::reconnecting));
    QVERIFY2(f.report().problem.find("virtual camera") != std::string::npos, f.report().problem.c_str());
    QVERIFY(QTest::qWaitFor([&] { return f.fixed->opens >= 4; }, kPatienceMs));
    f.fixed->plugged = true;
    QVERIFY(f.wait_state(CameraState::live));
    QVERIFY(f.report().problem.empty());
    QCOMPARE(f.report().reconnects, 1);
    // What comes now does not follow from what was seen before.
    bool starts = false;
    for (int i = 0; i < 10 && !starts; ++i) starts = f.source->next({})->starts_episode;
    QVERIFY(starts);
    QVERIFY(!f.source->next({})->starts_episode);
  }

  void a_camera_that_hangs_is_left_and_opened_again() {
    Fixture f;
    f.open();
    QVERIFY(f.wait_state(CameraState::live));
    f.fixed->hangs = true;
    QVERIFY(f.wait_state(CameraState::stalled));
    QVERIFY2(f.report().problem.starts_with("no image for more than"), f.report().problem.c_str());
    QVERIFY(f.wait_state(CameraState::reconnecting));
    // No more than two threads are ever given to a driver that does not answer.
    QVERIFY(QTest::qWaitFor([&] { return f.report().problem == "the driver does not answer"; }, kPatienceMs));
    QCOMPARE(f.fixed->hanging.load(), 2);
    QCOMPARE(f.fixed->opens.load(), 2);
    f.fixed->hangs = false;
    QVERIFY(f.wait_state(CameraState::live));
    QVERIFY(QTest::qWaitFor([&] { return f.fixed->alive == 1; }, kPatienceMs));
    f.source->resume();
    QVERIFY(f.source->next({}));
  }

  void a_camera_that_repeats_itself_is_opened_again() {
    Fixture f;
    f.open();
    QVERIFY(f.wait_state(CameraState::live));
    f.fixed->repeats = true;
    QVERIFY(f.wait_state(CameraState::stalled));
    QVERIFY2(f.report().problem.starts_with("the same image"), f.report().problem.c_str());
    const auto delivered = f.report().delivered;
    QVERIFY(f.report().repeated > 0);
    QVERIFY(f.wait_state(CameraState::reconnecting) || f.report().reconnects > 0);
    QCOMPARE(f.report().delivered, delivered);
    f.fixed->repeats = false;
    QVERIFY(f.wait_state(CameraState::live));
    QVERIFY(f.report().reconnects >= 1);
  }

  void a_scene_that_stands_still_is_no_fault() {
    // A lens cap: every picture is black, after a fresh start too.
    auto black = std::make_shared<Image>();
    black->width = black->height = 8;
    black->rgb.assign(8 * 8 * 3, 0);
    struct Dark final : CameraDevice {
      explicit Dark(ImagePtr image) : picture(std::move(image)) {}
      std::optional<CameraPicture> read(std::stop_token) override {
        std::this_thread::sleep_for(milliseconds(2));
        return CameraPicture{picture, std::chrono::steady_clock::now()};
      }
      ImagePtr picture;
    };
    Fixture f;
    LiveCamera camera(
        "static", {.source = "0"},
        [black](const CameraSettings&, std::stop_token) { return std::make_unique<Dark>(black); }, f.timeouts, [] {});
    QVERIFY(QTest::qWaitFor([&] { return camera.report().reconnects == 1; }, kPatienceMs));
    QVERIFY(QTest::qWaitFor([&] { return camera.report().state == CameraState::live; }, kPatienceMs));
    QTest::qWait(1200);  // longer than it took before
    QCOMPARE(camera.report().reconnects, 1);
    QVERIFY(camera.report().state == CameraState::live);
  }

  void what_is_no_camera_fails_for_good() {
    Fixture f;
    f.fixed->refuses = true;
    f.open();
    DEER_VERIFY_ERROR(f.source->next({}), "the static camera has failed: the virtual camera is no camera");
    QVERIFY(f.wait_state(CameraState::failed));
    const int opens = f.fixed->opens;
    QTest::qWait(150);
    QCOMPARE(f.fixed->opens.load(), opens);
  }

  void a_camera_that_is_slow_to_open_is_waited_for() {
    Fixture f;
    f.fixed->opens_slowly = true;
    f.open();
    QVERIFY(QTest::qWaitFor([&] { return f.fixed->opens == 1; }, kPatienceMs));
    QVERIFY(f.report().state == CameraState::connecting);
    f.fixed->opens_slowly = false;
    QVERIFY(f.source->next({}));
  }

  void a_pair_is_made_by_time_stamp() {
    Fixture f;
    f.gripper->period_us = 9000;
    f.open(true);
    QVERIFY(f.source->info().has_gripper_camera);
    for (int i = 0; i < 15; ++i) {
      const auto seen = f.source->next({});
      QVERIFY(seen && seen->rgb_static && seen->rgb_gripper);
    }
    const auto report = f.source->report();
    QCOMPARE(report.cameras.size(), std::size_t(2));
    QCOMPARE(report.cameras[1].name, std::string("gripper"));
    QVERIFY(report.skew_ms && *report.skew_ms <= report.largest_skew_ms);
    QVERIFY(report.largest_skew_ms <= double(f.most_skew.count()));
    QCOMPARE(report.cameras[0].delivered, 15);
  }

  void pictures_too_far_apart_make_no_pair() {
    Fixture f;
    f.most_skew = milliseconds(0);
    f.open(true);
    QVERIFY(f.wait_state(CameraState::live, 0) && f.wait_state(CameraState::live, 1));
    std::stop_source stop;
    ObservationPtr seen = std::make_shared<Observation>();
    std::jthread waiting([&] { seen = f.source->next(stop.get_token()); });
    QTest::qWait(200);
    stop.request_stop();
    waiting.join();
    QVERIFY(!seen);
    QVERIFY(!f.source->report().skew_ms);
  }

  void a_pair_waits_for_the_camera_that_is_lost() {
    Fixture f;
    f.open(true);
    QVERIFY(f.source->next({}));
    f.gripper->plugged = false;
    QVERIFY(f.wait_state(CameraState::reconnecting, 1));
    QVERIFY(f.report(0).state == CameraState::live);
    QVERIFY(QTest::qWaitFor([&] { return f.report(1).retry_in_s || f.gripper->opens > 3; }, kPatienceMs));
    f.gripper->plugged = true;
    QVERIFY(f.wait_state(CameraState::live, 1));
    QVERIFY(f.source->next({})->rgb_gripper);
  }

  void states_are_told_to_who_watches() {
    Fixture f;
    f.open();
    std::mutex mutex;
    std::set<CameraState> told;
    f.source->watch([&](const CameraSourceReport& report) {
      const std::scoped_lock lock(mutex);
      told.insert(report.cameras.at(0).state);
    });
    const auto heard = [&](CameraState state) {
      return QTest::qWaitFor(
          [&] {
            const std::scoped_lock lock(mutex);
            return told.contains(state);
          },
          kPatienceMs);
    };
    QVERIFY(heard(CameraState::live));
    f.fixed->plugged = false;
    QVERIFY(heard(CameraState::reconnecting));
    f.source->watch({});
    f.fixed->plugged = true;
    const std::scoped_lock lock(mutex);
    QVERIFY(!told.contains(CameraState::failed));
  }

  void a_video_plays_at_its_own_rate_and_ends() {
    TemporaryFolder folder;
    const auto file = (folder / "clip.avi").string();
    {
      cv::VideoWriter writer(file, cv::CAP_OPENCV_MJPEG, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 50, {64, 48});
      QVERIFY(writer.isOpened());
      for (int i = 0; i < 25; ++i) writer.write(cv::Mat(48, 64, CV_8UC3, cv::Scalar(10 * i, 0, 255 - 10 * i)));
    }
    CameraSourceOptions options;
    options.fixed = {.source = file, .quarter_turns = 1};
    options.most_age = std::chrono::minutes(1);
    const auto source = CameraSource::open(options);
    std::int64_t frames = 0;
    double last = 0;
    while (const auto seen = source->next({})) {
      ++frames;
      last = seen->timestamp_s;
      QCOMPARE(seen->rgb_static->width, 48);
      QCOMPARE(seen->rgb_static->height, 64);
    }
    const auto report = source->report().cameras[0];
    QVERIFY(report.state == CameraState::ended);
    QCOMPARE(report.captured, 25);
    QCOMPARE(report.delivered + report.dropped, 25);
    QCOMPARE(report.delivered, frames);
    QVERIFY(last >= 24 * 0.02 - 0.01);  // not faster than it was filmed
    // It can begin again, and what is no video says so.
    options.fixed.repeat = true;
    const auto endless = CameraSource::open(options);
    QVERIFY(QTest::qWaitFor([&] { return endless->report().cameras[0].captured > 30; }, kPatienceMs));
    options.fixed.source = folder.write("text.mp4", std::string_view("this is no video")).string();
    DEER_VERIFY_ERROR(CameraSource::open(options)->next({}), "cannot be opened as a video");
  }

  void a_pipeline_of_gstreamer() {
    CameraSourceOptions options;
    options.fixed.source = "videotestsrc pattern=ball is-live=true ! video/x-raw,width=80,height=60,framerate=30/1";
    std::shared_ptr<CameraSource> source;
    try {
      source = CameraSource::open(options);
    } catch (const Error& error) {
      QSKIP(error.what());  // OpenCV without GStreamer
    }
    QVERIFY(QTest::qWaitFor([&] { return source->report().cameras[0].state != CameraState::connecting; }, kPatienceMs));
    const auto report = source->report().cameras[0];
    if (report.state == CameraState::failed) {
      QVERIFY2(report.problem.find("pipeline does not start") != std::string::npos, report.problem.c_str());
      QSKIP("GStreamer's base plug-ins are not installed");
    }
    const auto seen = source->next({});
    QCOMPARE(seen->rgb_static->width, 80);
    QCOMPARE(seen->rgb_static->height, 60);
  }

  void a_pipeline_that_cannot_start_fails_at_once() {
    CameraSourceOptions options;
    options.fixed.source = "nonsense ! x";
    std::shared_ptr<CameraSource> source;
    try {
      source = CameraSource::open(options);
    } catch (const Error& error) {
      QSKIP(error.what());  // OpenCV without GStreamer
    }
    QVERIFY(QTest::qWaitFor([&] { return source->report().cameras[0].state == CameraState::failed; }, kPatienceMs));
    DEER_VERIFY_ERROR(source->next({}), "the pipeline does not start");
  }

  void cleanupTestCase() { QVERIFY(LiveCamera::wait_for_readers(milliseconds(kPatienceMs))); }
};

}  // namespace deer::test

DEER_SUITE(deer::test::CameraTest)
#include "tst_camera.moc"
