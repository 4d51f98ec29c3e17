// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTest>

#include "core/base/error.h"
#include "core/episodes/open/open_source.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/session/live_session.h"
#include "sessions/session/session.h"
#include "sessions/session/trace_session.h"
#include "sessions/traces/recorded_run.h"
#include "sessions/traces/trace_episodes.h"
#include "tests/sessions/support/fake_live.h"
#include "tests/sessions/traces/trace_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/two_arm_trace.h"

namespace deer::test {
namespace {

using Fixture = TraceFixture;
constexpr int kPatienceMs = Fixture::kPatienceMs;
const std::filesystem::path kDemo = std::filesystem::path(DEER_SOURCE_DIR) / "resources" / "demo";

}  // namespace

// Traces that are opened in a session, with the real files and a fake model.
class TraceSessionTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() { QCOMPARE(guard_->unexpected(), QStringList()); }

  void other_hdf5_files_go_to_their_reader();
  void a_trace_is_shown_as_it_was_recorded();
  void another_policy_is_replayed_exactly();
  void a_trace_without_its_model_is_replayed_from_recorded_actions();
  void a_trace_of_another_robot();
  void the_model_can_be_opened_later();
  void another_model_is_not_taken_for_it();
  void the_model_that_was_open_comes_back();
  void episodes_of_a_trace_share_the_policy();
  void frames_that_stopped_early_stay_as_they_were_run();
  void pictures_come_from_the_data_or_the_thumbnails();
  void live_runs_follow_a_trace();
  void files_that_are_no_traces_data();
  void files_that_are_no_traces();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void TraceSessionTest::other_hdf5_files_go_to_their_reader() {
  const TemporaryFolder folder;
  const auto message_of = [](const std::filesystem::path& file) {
    try {
      open_recording(file);
    } catch (const Error& error) {
      return QString::fromUtf8(error.what());
    }
    return QString();
  };
  const auto text = message_of(folder.write("text.h5", std::string(100, 'x')));
  QVERIFY2(text.contains("text.h5: is not a trace or a dataset: it is not an HDF5 file"), qPrintable(text));
  const auto data = message_of(folder.write("data.hdf5", "\x89HDF\r\n\x1a\n" + std::string(100, 'x')));
  QVERIFY2(data.contains("data.hdf5") && !data.contains("it is not an HDF5 file"), qPrintable(data));
}

void TraceSessionTest::a_trace_is_shown_as_it_was_recorded() {
  Fixture f;
  const auto file = f.folder / "run.h5";
  write_fake_trace(file, fake_metadata(fake_policy(0.05)), fake_policy(0.05));
  QVERIFY(f.open(file));
  QVERIFY(f.shows(fake_records(fake_policy(0.05))));
  QCOMPARE(f.session.record(7)->times.vision_ms, 4.0);
  QCOMPARE(f.session.record(7)->exits[2].feature.size(), std::size_t{8});
  QCOMPARE(f.session.policy(), fake_policy(0.05));
  QCOMPARE(f.session.collection()->episodes().size(), std::size_t{2});
  QCOMPARE(f.session.collection()->episodes()[1].length(), 20);
  QCOMPARE(f.session.model()->name, std::string("deer-nano"));
  QCOMPARE(f.session.model()->device, std::string("cuda:0"));  // where it ran, not where its head is
  QVERIFY(!f.session.trace()->model_missing());
  const auto& spans = f.session.frames()->instructions();
  QCOMPARE(spans.size(), std::size_t{2});
  QCOMPARE(spans[1].first, 20);
  QCOMPARE(spans[1].instruction, std::string("push the red block to the left"));
  QCOMPARE(f.observation(3)->rel_action->at(1), 0.2);
  QCOMPARE(f.observation(3)->frame_id, 1003);
  QVERIFY(f.problems.empty());
  QCOMPARE(f.control->steps.load(), 0);
  // It cannot be run anew.
  f.session.run_episode();
  QVERIFY(f.idle() && f.problems.empty());
}

void TraceSessionTest::another_policy_is_replayed_exactly() {
  Fixture f;
  const auto file = f.folder / "run.h5";
  write_fake_trace(file, fake_metadata(fake_policy(0.05)), fake_policy(0.05));
  QVERIFY(f.open(file));
  for (const double threshold : {0.01, 0.2, 0.05}) {
    f.session.set_policy(fake_policy(threshold));
    QVERIFY(f.wait([&] { return f.session.records_current(); }));
    QVERIFY(f.shows(fake_records(fake_policy(threshold))));
    QVERIFY(has_features(*f.session.record(39)));
  }
  QCOMPARE(f.control->steps.load(), 0);
  // One that does not fit is refused, and what was in force stays.
  auto wrong = fake_policy(0.01);
  wrong.thresholds.pop_back();
  f.session.set_policy(wrong);
  QVERIFY(f.wait([&] { return !f.problems.empty(); }));
  QCOMPARE(f.session.policy(), fake_policy(0.05));
  QVERIFY(f.shows(fake_records(fake_policy(0.05))));
}

void TraceSessionTest::a_trace_without_its_model_is_replayed_from_recorded_actions() {
  Fixture f;
  auto metadata = fake_metadata(fake_policy(0.05));
  metadata.model_path = "/models/bad";
  const auto file = f.folder / "run.h5";
  write_fake_trace(file, metadata, fake_policy(0.05));
  QVERIFY(f.open(file));
  QVERIFY(f.session.trace()->model_missing());
  const auto recorded = fake_records(fake_policy(0.05));
  QVERIFY(f.shows(recorded));
  QCOMPARE(f.session.model()->exit_layers, metadata.exit_layers);
  const auto& note = f.session.model()->note;
  QVERIFY(note.find("missing") != std::string::npos);
  QVERIFY(note.find("replayed from recorded actions") != std::string::npos);
  QVERIFY(note.find("/models/bad") != std::string::npos);
  QVERIFY(f.problems.empty());  // the note says it as long as it holds

  // Thresholds and forced exits choose among what was recorded at each exit.
  auto other = fake_policy(0.2);
  other.forced_layers[3] = 7;
  f.session.set_policy(other);
  QVERIFY(f.wait([&] { return f.session.records_current() && f.idle(); }));
  QCOMPARE(f.session.policy(), other);
  QVERIFY(f.problems.empty());
  int moved = 0;
  for (const auto& before : recorded) {
    const auto now = f.session.record(before->frame);
    std::size_t exit = 0;
    while (exit < 3 && before->exits[exit].delta > 0.2F) ++exit;
    if (before->frame == 3) exit = 3;
    QCOMPARE(now->exit_index, static_cast<int>(exit));
    QVERIFY(now->action == before->exits[exit].action);
    moved += now->exit_index != before->exit_index ? 1 : 0;
  }
  QVERIFY(moved > 0);
  QVERIFY(f.session.record(3)->reason == ExitReason::forced);
  QCOMPARE(f.control->steps.load(), 0);
  f.session.set_policy(fake_policy(0.05));
  QVERIFY(f.wait([&] { return f.session.records_current() && f.idle(); }));
  for (const auto& before : recorded) {
    const auto now = f.session.record(before->frame);
    QCOMPARE(now->exit_index, before->exit_index);
    QCOMPARE(now->reason, before->reason);
    QVERIFY(now->action == before->exits[static_cast<std::size_t>(before->exit_index)].action);
  }
}

void TraceSessionTest::a_trace_of_another_robot() {
  Fixture f;
  const auto file = f.folder / "arms.h5";
  write_two_arm_trace(file, 50);
  // A model that happens to be open is not taken for its own.
  f.session.open_model("/models/mine");
  QVERIFY(f.open(file));
  const auto& model = *f.session.model();
  QCOMPARE(model.name, std::string("two-arm policy"));
  QCOMPARE(model.layout->size(), std::size_t{112});
  QVERIFY(f.wait([&] { return model.note.find("replayed from recorded actions") != std::string::npos; }));
  QCOMPARE(f.observation(4)->other_action.size(), std::size_t{14});
  QVERIFY(!f.observation(4)->rel_action);
  const auto before = f.session.record(20);
  QCOMPARE(before->action.size(), std::size_t{112});
  auto policy = f.session.policy();
  for (auto& threshold : policy.thresholds) threshold *= 0.2;
  f.session.set_policy(policy);
  QVERIFY(f.wait([&] { return f.session.records_current() && f.idle(); }));
  const auto after = f.session.record(20);
  QVERIFY(after->exit_index > before->exit_index);
  QVERIFY(after->action == before->exits[static_cast<std::size_t>(after->exit_index)].action);
  QVERIFY(f.problems.empty());
}

void TraceSessionTest::the_model_can_be_opened_later() {
  Fixture f;
  auto metadata = fake_metadata(fake_policy(0.05));
  metadata.model_path = "/models/bad";
  const auto file = f.folder / "run.h5";
  write_fake_trace(file, metadata, fake_policy(0.05));
  QVERIFY(f.open(file));
  QVERIFY(f.session.trace()->model_missing());
  f.session.open_model("/moved/deer-nano");
  QVERIFY(f.wait([&] { return !f.session.trace()->model_missing() && f.session.model()->path == "/moved/deer-nano"; }));
  QVERIFY(f.session.model()->note.empty());
  QVERIFY(f.shows(fake_records(fake_policy(0.05))));  // not those of the model's own policy
  f.session.set_policy(fake_policy(0.2));
  QVERIFY(f.wait([&] { return f.session.records_current(); }));
  QVERIFY(f.shows(fake_records(fake_policy(0.2))));
  QVERIFY(f.problems.empty());
}

void TraceSessionTest::another_model_is_not_taken_for_it() {
  Fixture f;
  f.folder.write("model/config.json", "{}");
  auto metadata = fake_metadata(fake_policy(0.05));
  metadata.model_path = (f.folder / "model").string();
  metadata.model_hash = std::string(40, '7');
  const auto file = f.folder / "run.h5";
  write_fake_trace(file, metadata, fake_policy(0.05));
  QVERIFY(f.open(file));
  QVERIFY(f.session.trace()->model_missing());
  QCOMPARE(f.problems.size(), std::size_t{1});
  QCOMPARE(f.problems[0].title, QStringLiteral("This is not the model of the trace"));
  QVERIFY(f.problems[0].details.contains("fingerprint") && f.problems[0].details.contains("7777"));
  QVERIFY(f.shows(fake_records(fake_policy(0.05))));
  // Nor is one with other exits, where there is no fingerprint to compare.
  f.control->exits = 3;
  metadata.model_hash.clear();
  write_fake_trace(file, metadata, fake_policy(0.05));
  f.problems.clear();
  QVERIFY(f.open(file));
  QVERIFY(f.session.trace()->model_missing());
  QCOMPARE(f.problems.size(), std::size_t{1});
  QVERIFY(f.problems[0].details.contains("different exits"));
}

void TraceSessionTest::the_model_that_was_open_comes_back() {
  Fixture f;
  const auto file = f.folder / "run.h5";
  auto metadata = fake_metadata(fake_policy(0.05));
  metadata.model_name = "the recorded one";
  write_fake_trace(file, metadata, fake_policy(0.05));
  f.session.open_model("/models/mine");
  f.session.open_source("/data/task_D");
  QVERIFY(f.wait([&] { return f.session.model() && f.session.episode(); }));
  f.session.set_policy(fake_policy(0.013));
  QVERIFY(f.open(file));
  QCOMPARE(f.session.model()->name, std::string("the recorded one"));
  QCOMPARE(f.session.policy(), fake_policy(0.05));
  // Another model that is opened now is for later.
  f.session.open_model("/models/newer");
  QVERIFY(f.wait([&] { return !f.problems.empty(); }));
  QVERIFY(f.problems[0].details.contains("newer"));
  QCOMPARE(f.session.model()->name, std::string("the recorded one"));
  QVERIFY(f.shows(fake_records(fake_policy(0.05))));
  f.session.open_source("/data/task_D");
  QVERIFY(f.wait([&] { return !f.session.trace()->metadata(); }));
  QCOMPARE(f.session.model()->name, std::string("newer"));
  QCOMPARE(f.session.evaluated_count(), 0);
  f.session.run_episode();
  QVERIFY(f.wait([&] { return f.session.evaluated_count() == 40; }));
  QVERIFY(f.shows(fake_records(f.session.policy())));
}

void TraceSessionTest::episodes_of_a_trace_share_the_policy() {
  Fixture f;
  const auto file = f.folder / "run.h5";
  write_fake_trace(file, fake_metadata(fake_policy(0.05)), fake_policy(0.05));
  QVERIFY(f.open(file));
  const auto loads = f.control->loads.load();
  f.session.set_policy(fake_policy(0.2));
  QVERIFY(f.wait([&] { return f.session.records_current(); }));
  f.session.open_episode(1);
  QVERIFY(f.wait([&] {
    return f.session.frame_count() == 20 && f.session.records_current() && f.session.evaluated_count() == 20;
  }));
  QCOMPARE(f.session.policy(), fake_policy(0.2));
  QVERIFY(f.shows(fake_records(fake_policy(0.2), 1)));
  QCOMPARE(f.control->loads.load(), loads);
  QVERIFY(f.session.episode()->info().title.find("episode 2") != std::string::npos);
}

void TraceSessionTest::frames_that_stopped_early_stay_as_they_were_run() {
  Fixture f;
  const auto file = f.folder / "run.h5";
  const auto recorded = fake_records(fake_policy(0.05));
  {
    const auto writer = TraceWriter::create(file, fake_metadata(fake_policy(0.05)));
    for (const auto& record : recorded) {
      auto stopped = *record;
      if (record->frame == 5) {
        stopped.mode = RunMode::policy;
        stopped.exits.resize(1);
      }
      writer->append(stopped, {});
    }
    writer->close();
  }
  QVERIFY(f.open(file));
  f.session.set_policy(fake_policy(0.2));
  QVERIFY(f.wait([&] { return f.session.records_current(); }));
  QCOMPARE(f.session.fixed_count(), 20);  // up to the next reset
  const auto replayed = fake_records(fake_policy(0.2));
  for (qint64 i = 0; i < 40; ++i) {
    const auto& wanted = i < 20 ? recorded : replayed;
    QCOMPARE(f.session.record(i)->exit_index, wanted[static_cast<std::size_t>(i)]->exit_index);
  }
}

void TraceSessionTest::pictures_come_from_the_data_or_the_thumbnails() {
  Fixture f;
  const auto write = [&](const std::string& source, bool thumbnails, std::int64_t id_offset) {
    const auto file = f.folder / "pictures.h5";
    const auto data = open_source(kDemo / "episodes")->open(0);
    const auto writer = TraceWriter::create(file, fake_metadata(fake_policy(0.05)));
    const auto records = fake_records(fake_policy(0.05));
    for (std::int64_t i = 0; i < 10; ++i) {
      TraceFrame frame;
      frame.source = source;
      frame.episode = 0;
      frame.frame_id = data->read(i)->frame_id + id_offset;
      if (thumbnails) frame.thumbnail = thumbnail_of(10, 20, 250);
      writer->append(*records[static_cast<std::size_t>(i)], frame);
    }
    writer->close();
    return f.open(file);
  };
  const auto data = (kDemo / "episodes").string();
  QVERIFY(write(data, true, 0));
  QVERIFY(f.observation(4)->rgb_static->width > 16);
  QVERIFY(f.observation(4)->rgb_gripper && f.observation(4)->robot_obs);
  QVERIFY(f.session.episode()->info().has_gripper_camera);
  // Data that were moved together with the trace are found beside it.
  std::filesystem::create_directory_symlink(kDemo / "episodes", f.folder / "moved");
  QVERIFY(write("/data/gone/moved", true, 0));
  QVERIFY(f.observation(4)->rgb_static->width > 16);
  std::filesystem::remove(f.folder / "moved");
  // Data that are no longer what was recorded are not shown in its place.
  QVERIFY(write(data, true, 5));
  const auto small = f.observation(4);
  QCOMPARE(small->rgb_static->width, 16);
  QVERIFY(small->rgb_static->rgb[2] > 200 && small->rgb_static->rgb[0] < 60);
  QVERIFY(!small->robot_obs);
  QVERIFY(write("/data/gone", false, 0));
  QVERIFY(!f.observation(4)->rgb_static);
  QVERIFY2(f.session.frames()->problem(4).contains("/data/gone"), qPrintable(f.session.frames()->problem(4)));
  QVERIFY(write("", false, 0));
  QVERIFY(f.observation(4) && f.session.frames()->problem(4).contains("live"));
}

void TraceSessionTest::live_runs_follow_a_trace() {
  Fixture f;
  const auto file = f.folder / "run.h5";
  write_fake_trace(file, fake_metadata(fake_policy(0.05)), fake_policy(0.05));
  f.session.open_model("/models/mine");
  QVERIFY(f.wait([&] { return f.session.model() != nullptr; }));
  QVERIFY(f.open(file));
  f.session.set_policy(fake_policy(0.2));
  f.session.live()->open("a fake", fake_live_opener(std::make_shared<FakeLive>()));
  QVERIFY(QTest::qWaitFor([&] { return f.session.live()->is_open() && f.session.evaluated_count() > 5; }, kPatienceMs));
  QVERIFY(!f.session.trace()->metadata());
  QCOMPARE(f.session.model()->name, std::string("mine"));
  QCOMPARE(f.session.policy(), fake_policy(0.02));
  f.session.live()->end();
  QVERIFY(f.open(file));
  QVERIFY(f.shows(fake_records(fake_policy(0.05))));
}

void TraceSessionTest::files_that_are_no_traces_data() {
  QTest::addColumn<QByteArray>("bytes");
  QTest::addColumn<QString>("says");
  TemporaryFolder folder;
  write_fake_trace(folder / "whole.h5", fake_metadata(fake_policy(0.05)), fake_policy(0.05));
  QFile whole(QString::fromStdString((folder / "whole.h5").string()));
  QVERIFY(whole.open(QFile::ReadOnly));
  const auto bytes = whole.readAll();
  QTest::newRow("text") << QByteArray("frame,exit\n0,1\n") << "is not a trace";
  QTest::newRow("empty") << QByteArray() << "is an empty file";
  QTest::newRow("the signature alone") << bytes.left(8) << "whole.h5";
  QTest::newRow("cut short") << bytes.left(bytes.size() / 2) << "whole.h5";
}

void TraceSessionTest::files_that_are_no_traces() {
  QFETCH(const QByteArray, bytes);
  QFETCH(QString, says);
  Fixture f;
  f.session.open_source("/data/task_D");
  QVERIFY(f.wait([&] { return f.session.episode() != nullptr; }));
  const auto file = f.folder.write("whole.h5", std::string_view(bytes.data(), static_cast<std::size_t>(bytes.size())));
  f.session.open_source(file);
  QVERIFY(f.wait([&] { return !f.problems.empty(); }));
  QCOMPARE(f.problems.size(), std::size_t{1});
  QVERIFY2(f.problems[0].details.contains(says), qPrintable(f.problems[0].details));
  QVERIFY(!f.problems[0].details.contains(u'\n'));
  QVERIFY(!f.session.trace()->metadata());
  QCOMPARE(f.session.frame_count(), 40);  // what was open stays
}

}  // namespace deer::test

DEER_SUITE(deer::test::TraceSessionTest)
#include "tst_trace_session.moc"
