// SPDX-License-Identifier: GPL-3.0-or-later
#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QTest>
#include <atomic>
#include <set>
#include <thread>

#include "core/base/json_file.h"
#include "core/base/latency_meter.h"
#include "core/episodes/lerobot/parquet_file.h"
#include "core/episodes/open/open_source.h"
#include "sessions/base/paths.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/live/cameras.h"
#include "sessions/recording/live_recording.h"
#include "sessions/session/live_session.h"
#include "sessions/session/session.h"
#include "tests/sessions/support/fakes.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/support/virtual_camera.h"

namespace deer::test {
namespace {

constexpr int kPatienceMs = 20000;
using std::chrono::milliseconds;

struct Fixture {
  Fixture() {
    QObject::connect(&session, &Session::problem, &session, [this](const Problem& problem) { problems << problem; });
  }
  ~Fixture() { fixed->hangs = gripper->hangs = false; }

  void open(bool pair = false) {
    CameraSourceOptions options;
    options.fixed.source = "/dev/fixed";
    if (pair) options.gripper = CameraSettings{.source = "/dev/gripper"};
    options.instruction = "open the drawer";
    options.most_age = milliseconds(2000);
    options.most_skew = milliseconds(1000);
    options.timeouts = {.open = milliseconds(5000),
                        .stall = milliseconds(300),
                        .lost = milliseconds(600),
                        .first_retry = milliseconds(20),
                        .longest_retry = milliseconds(80)};
    session.live()->open("cameras", camera_opener(options, virtual_opener(fixed, gripper)));
  }
  template <typename Done>
  bool wait(Done done) {
    return QTest::qWaitFor(done, kPatienceMs);
  }
  bool wait_frames(qint64 count) {
    return wait([&] { return session.frame_count() >= count; });
  }
  bool open_model() {
    session.open_model("/models/deer-nano");
    return wait([&] { return session.model() != nullptr; });
  }
  bool wait_state(CameraState state, std::size_t camera = 0) {
    return wait([&] {
      const auto& all = session.live()->report().cameras;
      return camera < all.size() && all[camera].state == state;
    });
  }

  VirtualCameraPtr fixed = std::make_shared<VirtualCamera>();
  VirtualCameraPtr gripper = std::make_shared<VirtualCamera>();
  FakeControlPtr control = std::make_shared<FakeControl>();
  QList<Problem> problems;
  Session session{fake_engine_factory(control), fake_source_opener(control)};
};

LiveFrame drawn(int number, const std::string& instruction, bool starts = false) {
  auto image = std::make_shared<Image>();
  image->width = image->height = 8;
  image->rgb.assign(8 * 8 * 3, std::uint8_t(number));
  auto seen = std::make_shared<Observation>();
  seen->frame = number;
  seen->rgb_static = image;
  seen->instruction = instruction;
  seen->starts_episode = starts;
  auto record = std::make_shared<FrameRecord>();
  record->command = deer_action(std::array<float, 6>{0.5F}, -1);
  return {seen, record};
}

}  // namespace

class CamerasTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() {
    QCOMPARE(guard_->unexpected(), QStringList());
    QVERIFY(LiveCamera::wait_for_readers(milliseconds(kPatienceMs)));
  }

  void without_a_model_cameras_are_watched() {
    Fixture f;
    f.open();
    QVERIFY(f.wait_frames(20));
    QVERIFY(f.session.live()->is_open() && !f.session.live()->takes_commands());
    QCOMPARE(f.session.evaluated_count(), 0);
    QVERIFY(f.session.frames()->observation(3)->rgb_static && !f.session.frames()->observation(3)->rgb_gripper);
    QVERIFY(f.wait_state(CameraState::live));
  }

  void the_model_runs_on_the_newest_pictures() {
    Fixture f;
    f.control->step_ms = 40;
    QVERIFY(f.open_model());
    f.open(true);
    QVERIFY(f.wait_frames(8));
    QVERIFY(f.wait([&] { return f.session.live()->report().cameras.size() == 2; }));
    QVERIFY(f.wait([&] { return f.session.live()->report().cameras[0].dropped > 20; }));
    QVERIFY(f.session.live()->report().skew_ms);
    f.session.live()->pause();
    for (qint64 i = 0; i < f.session.frame_count(); ++i) {
      QVERIFY(f.session.record(i) && f.session.record(i)->frame == i);
      QVERIFY(f.session.frames()->observation(i)->rgb_gripper);
    }
    // Ten times as many pictures came as the model had time for.
    const auto first = f.session.frames()->observation(1)->frame_id,
               last = f.session.frames()->observation(6)->frame_id;
    QVERIFY(last - first >= 10);
  }

  void a_pause_drops_nothing() {
    Fixture f;
    QVERIFY(f.open_model());
    f.open();
    QVERIFY(f.wait_frames(5));
    f.session.live()->pause();
    const auto made = f.fixed->made.load();
    QVERIFY(f.wait([&] { return f.fixed->made > made + 100; }));
    const auto dropped = f.session.live()->report().cameras.at(0).dropped;
    const auto frames = f.session.frame_count();
    f.session.run_episode();
    QVERIFY(f.wait_frames(frames + 5));
    QTest::qWait(300);
    QVERIFY(f.session.live()->report().cameras.at(0).dropped < dropped + 90);
    // The picture that was under way at the pause is not shown as if it were of now.
    const auto gap =
        f.session.frames()->observation(frames)->frame_id - f.session.frames()->observation(frames - 1)->frame_id;
    QVERIFY(gap > 90);
  }

  void states_come_while_no_frame_does() {
    Fixture f;
    QVERIFY(f.open_model());
    f.open();
    QVERIFY(f.wait_frames(5) && f.wait_state(CameraState::live));
    f.fixed->plugged = false;
    QVERIFY(f.wait_state(CameraState::reconnecting));
    QVERIFY(f.session.activity() == Session::Activity::live);  // it goes on waiting
    QVERIFY(f.wait([&] { return f.session.live()->rate_hz() == 0; }));
    const auto frames = f.session.frame_count();
    f.fixed->plugged = true;
    QVERIFY(f.wait_state(CameraState::live) && f.wait_frames(frames + 5));
    QVERIFY(f.problems.isEmpty());
    // The memory of what was seen before the loss is not carried over it.
    bool reset = false;
    for (qint64 i = frames; i < f.session.frame_count(); ++i) reset = reset || f.session.record(i)->step == 0;
    QVERIFY(reset);
  }

  void stopping_is_immediate_with_a_camera_that_hangs() {
    Fixture f;
    QVERIFY(f.open_model());
    f.fixed->hangs = true;
    f.open();
    QVERIFY(f.wait([&] { return f.fixed->hanging == 1; }));
    QVERIFY(f.wait([&] { return f.session.live()->is_open(); }));
    f.session.live()->end();
    QVERIFY(f.session.activity() == Session::Activity::idle);
    f.fixed->hangs = false;
    QVERIFY(f.wait([&] { return f.fixed->alive == 0; }));
  }

  void a_camera_that_fails_stops_the_run_with_a_message() {
    Fixture f;
    f.fixed->refuses = true;
    f.open();
    QVERIFY(f.wait([&] { return f.problems.size() == 1; }));
    QVERIFY(f.problems[0].title.startsWith("The live source stopped"));
    QVERIFY(f.problems[0].details.contains("no camera"));
  }

  void an_error_of_the_model_stops_the_run_not_the_program() {
    Fixture f;
    QVERIFY(f.open_model());
    f.open();
    QVERIFY(f.wait_frames(5));
    f.control->unrecorded_failure = true;
    QVERIFY(f.wait([&] { return f.problems.size() == 1; }));
    QVERIFY(f.problems[0].title.startsWith("The model stopped at frame"));
    QVERIFY(f.session.activity() == Session::Activity::idle);
    f.control->unrecorded_failure = false;
    const auto frames = f.session.frame_count();
    f.session.run_episode();
    QVERIFY(f.wait_frames(frames + 5));
  }

  void the_instruction_changes_while_it_runs() {
    Fixture f;
    QVERIFY(f.open_model());
    f.open();
    QVERIFY(f.wait_frames(5));
    f.session.live()->instruct("close the drawer");
    QVERIFY(f.wait([&] { return f.session.frames()->instructions().size() == 2; }));
    const auto span = f.session.frames()->instructions()[1];
    QCOMPARE(span.instruction, std::string("close the drawer"));
    QCOMPARE(f.session.record(span.first)->step, 0);
  }

  void latency_ends_at_the_first_painting() {
    Fixture f;
    f.open();
    QVERIFY(f.wait_frames(5));
    QCOMPARE(f.session.live()->latency().count, 0);
    const auto frame = f.session.frame_count() - 1;
    f.session.live()->picture_shown(frame);
    f.session.live()->picture_shown(frame);
    f.session.live()->picture_shown(frame - 1);
    const auto latency = f.session.live()->latency();
    QCOMPARE(latency.count, 1);
    QVERIFY(latency.median_ms > 0 && latency.median_ms < kPatienceMs);
    // Looking back at an old frame is no measurement.
    f.session.set_current_frame(0);
    QVERIFY(f.wait_frames(frame + 5));
    f.session.live()->picture_shown(f.session.frame_count() - 1);
    QCOMPARE(f.session.live()->latency().count, 1);
  }

  void percentiles() {
    LatencyMeter meter;
    QCOMPARE(meter.summary().count, 0);
    for (int i = 100; i >= 1; --i) meter.add(i);
    QCOMPARE(meter.summary().median_ms, 50.0);
    QCOMPARE(meter.summary().p95_ms, 95.0);
    for (std::size_t i = 0; i < LatencyMeter::kKept; ++i) meter.add(7);
    QCOMPARE(meter.summary().p95_ms, 7.0);
    QCOMPARE(meter.summary().count, std::int64_t(100 + LatencyMeter::kKept));
  }

  void a_recording_opens_as_a_data_set() {
    Fixture f;
    QTemporaryDir folder;
    QVERIFY(f.open_model());
    f.open();
    QVERIFY(f.wait_frames(3));
    LiveRecording recording(&f.session);
    std::filesystem::path written;
    connect(&recording, &LiveRecording::finished, this, [&](const std::filesystem::path& path) { written = path; });
    recording.start(to_path(folder.path()));
    QVERIFY(recording.recording());
    const auto from = f.session.frame_count();
    QVERIFY(f.wait_frames(from + 20));
    f.session.live()->instruct("close the drawer");
    QVERIFY(f.wait_frames(from + 60));
    recording.stop();
    QVERIFY(!recording.recording());
    QVERIFY(f.wait([&] { return !written.empty(); }));
    f.session.live()->pause();
    const auto count = recording.status().written;
    QVERIFY(count >= 40);
    QCOMPARE(recording.status().left_out, 0);
    const auto collection = open_source(written);
    std::set<std::string> titles;
    std::int64_t segment_frames = 0;
    for (const auto& entry : collection->episodes()) {
      titles.insert(entry.title);
      if (entry.kind == EpisodeEntry::Kind::play_segment) segment_frames += entry.length();
    }
    QCOMPARE(segment_frames, count);
    QVERIFY(titles.contains("open the drawer") && titles.contains("close the drawer"));
    const auto seen = collection->open(0)->read(0);
    QCOMPARE(seen->rgb_static->width, 32);
    QVERIFY(!seen->rgb_gripper && !seen->robot_obs && !seen->scene_obs && !seen->action);
    QVERIFY(seen->rel_action);
    const auto about = read_json(written / "recording.json");
    QCOMPARE(about["frames"].get<std::int64_t>(), count);
    QCOMPARE(about["source"].get<std::string>(), std::string("/dev/fixed"));
    QVERIFY(about["absent"] == Json({"actions", "rgb_gripper", "robot_obs", "scene_obs"}));
    QVERIFY(f.problems.isEmpty());
  }

  void a_slow_disk_is_said_and_gaps_are_kept() {
    QTemporaryDir folder;
    std::atomic<bool> hold{true};
    std::atomic<std::int64_t> told_left_out{0};
    EpisodeRecorder::Options options;
    options.queue_bytes = 4 * (sizeof(Observation) + 8 * 8 * 3);
    options.before_each = [&] {
      while (hold) std::this_thread::sleep_for(milliseconds(1));
    };
    {
      EpisodeRecorder recorder(to_path(folder.path()), options,
                               [&](const RecordingStatus& status) { told_left_out = status.left_out; });
      recorder.take(drawn(0, "go", true));
      QVERIFY(QTest::qWaitFor([&] { return recorder.status().waiting == 1; }));
      for (int i = 1; i < 10; ++i) recorder.take(drawn(i, "go"));
      QCOMPARE(recorder.status().waiting, 4);
      QCOMPARE(recorder.status().left_out, 6);
      QVERIFY(recorder.status().waiting_bytes <= options.queue_bytes);
      hold = false;
      QVERIFY(QTest::qWaitFor([&] { return recorder.status().written == 4; }));
      recorder.take(drawn(10, "go"));
    }  // waits for the rest
    QCOMPARE(told_left_out.load(), 6);
    const auto collection = open_source(to_path(folder.path()));
    std::vector<std::int64_t> lengths;
    for (const auto& entry : collection->episodes()) {
      if (entry.kind == EpisodeEntry::Kind::play_segment) lengths.push_back(entry.length());
    }
    QVERIFY((lengths == std::vector<std::int64_t>{4, 1}));  // not one episode with a hole
    QCOMPARE(int(collection->open(0)->read(3)->rgb_static->rgb[0]), 3);
    const auto about = read_json(to_path(folder.filePath("recording.json")));
    QCOMPARE(about["frames_left_out"].get<std::int64_t>(), 6);
  }

  void a_recording_for_lerobot_has_predictions() {
    if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow");
    QTemporaryDir folder;
    const auto root = to_path(folder.filePath("recording"));
    EpisodeRecorder::Options options;
    options.format = RecordingFormat::lerobot;
    options.info.frames_per_second = 20;
    options.predictions = ActionLayout::deer();
    {
      EpisodeRecorder recorder(root, options, {});
      for (int i = 0; i < 3; ++i) recorder.take(drawn(10 * i, "go", i == 0));
      for (int i = 3; i < 5; ++i) recorder.take(drawn(10 * i, "stop"));
      recorder.take(drawn(50, "stop", true));
    }
    const auto collection = open_source(root);
    QCOMPARE(collection->episodes().size(), std::size_t(3));  // by instruction and by start
    const auto second = collection->open(1);
    QCOMPARE(second->length().value(), 2);
    QCOMPARE(second->read(1)->instruction, std::string("stop"));
    QCOMPARE(int(second->read(1)->rgb_static->rgb[0]), 40);
    QCOMPARE(second->read(0)->other_action.front(), 0.5);  // what was commanded
    const ParquetFile rows(root / "data" / "chunk-000" / "file-001.parquet");
    QCOMPARE(rows.numbers("prediction.action", 0, 2).values.size(), std::size_t(14));
    QCOMPARE(rows.numbers("prediction.depth", 0, 1).values.front(), 1.0);
  }

  void a_folder_that_cannot_be_written_is_named() {
    Fixture f;
    f.open();
    QVERIFY(f.wait_frames(3));
    QTemporaryDir folder;
    QFile file(folder.filePath("file"));
    QVERIFY(file.open(QFile::WriteOnly));
    LiveRecording recording(&f.session);
    QList<Problem> problems;
    connect(&recording, &LiveRecording::problem, this, [&](const Problem& problem) { problems << problem; });
    recording.start(to_path(file.fileName()));
    QVERIFY(f.wait([&] { return problems.size() == 1; }));
    QVERIFY2(problems[0].details.contains(file.fileName()), qPrintable(problems[0].details));
    QVERIFY(!recording.recording());
    QVERIFY(f.session.activity() == Session::Activity::live);
  }

  void opening_something_else_ends_the_recording() {
    Fixture f;
    QTemporaryDir folder;
    f.open();
    QVERIFY(f.wait_frames(3));
    LiveRecording recording(&f.session);
    recording.start(to_path(folder.path()));
    const auto from = f.session.frame_count();
    QVERIFY(f.wait_frames(from + 10));
    f.session.open_source("/data/task_D");
    QVERIFY(f.wait([&] { return !f.session.live()->is_open() && recording.status().finished; }));
    QVERIFY(!recording.recording());
    QVERIFY(recording.status().written >= 8);
    QVERIFY(f.session.live()->report().cameras.empty());
    recording.start(to_path(folder.path()));
    QVERIFY(!recording.recording());
  }

 private:
  std::unique_ptr<LogGuard> guard_;
};

}  // namespace deer::test

DEER_SUITE(deer::test::CamerasTest)
#include "tst_cameras.moc"
