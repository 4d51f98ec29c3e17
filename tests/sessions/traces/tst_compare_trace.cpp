// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTest>
#include <cmath>

#include "sessions/analysis/comparison.h"
#include "sessions/session/trace_session.h"
#include "sessions/traces/trace_episodes.h"
#include "tests/sessions/support/made_trace.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace deer::test {
namespace {

constexpr int kPatienceMs = 30000;
constexpr auto kData = "/data/x";

/// A trace of frames of the fake data's episode, as a run of the fake model gives it.
struct Made {
  std::string source = kData;
  int episode = 0;
  std::int64_t first = 0;
  std::int64_t count = 40;
  double threshold = 0.05;
  std::int64_t id_offset = 0;
  std::string instruction = {};  ///< in place of the data's
  bool actions = true;
};

void write(const std::filesystem::path& file, const Made& made) {
  const auto control = std::make_shared<FakeControl>();
  const auto data = fake_source_opener(control)(kData, {})->open(static_cast<std::size_t>(made.episode));
  const auto records = fake_records(fake_policy(made.threshold), made.episode);
  const auto writer = TraceWriter::create(file, fake_metadata(fake_policy(made.threshold)));
  for (auto i = made.first; i < made.first + made.count; ++i) {
    const auto seen = data->read(i);
    TraceFrame frame;
    frame.source = made.source;
    frame.episode = made.episode;
    frame.frame_id = seen->frame_id + made.id_offset;
    frame.instruction = made.instruction.empty() ? seen->instruction : made.instruction;
    if (made.actions) {
      const auto recorded = recorded_action(*seen);
      frame.recorded_action.assign(recorded.begin(), recorded.end());
    }
    writer->append(*records[static_cast<std::size_t>(i)], frame);
  }
  writer->close();
}

struct Fixture {
  Fixture()
      : control(std::make_shared<FakeControl>()),
        session(fake_engine_factory(control),
                [fake = fake_source_opener(control)](
                    const std::filesystem::path& path,
                    const OpenSourceOptions& options) -> std::shared_ptr<const EpisodeCollection> {
                  return path.extension() == ".h5" ? open_recording(path, options) : fake(path, options);
                }),
        comparison(&session) {
    QObject::connect(comparison.kept(), &KeptRuns::problem, &session,
                     [this](const Problem& p) { problems.push_back(p); });
  }
  bool wait(const std::function<bool()>& done) { return QTest::qWaitFor(done, kPatienceMs); }
  bool run(std::size_t episode = 0) {
    session.open_model("/models/deer-nano");
    session.open_source(kData, {}, episode);
    if (!wait([&] { return session.model() && session.episode(); })) return false;
    session.run_episode();
    return wait([&] {
      return session.evaluated_count() == session.frame_count() && session.activity() == Session::Activity::idle;
    });
  }
  /// Whether the trace was taken.
  bool compare(const Made& made) {
    write(folder / "other.h5", made);
    comparison.kept()->hide_all();
    problems.clear();
    comparison.kept()->keep_trace(folder / "other.h5");
    if (!wait([&] { return !comparison.kept()->reading_trace(); })) return false;
    return comparison.has_kept() && problems.empty();
  }
  /// Why it was not.
  QString refusal(const Made& made) { return compare(made) || problems.size() != 1 ? QString() : problems[0].details; }

  TemporaryFolder folder;
  FakeControlPtr control;
  Session session;
  Comparison comparison;
  std::vector<Problem> problems;
};

}  // namespace

// A trace as one side of a comparison, with real files and a fake model.
class CompareTraceTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() { QCOMPARE(guard_->unexpected(), QStringList()); }

  void a_trace_of_the_episode_stands_beside_the_run();
  void a_trace_of_some_of_its_frames_is_told_as_such();
  void data_that_have_moved_are_known_by_their_actions();
  void a_trace_stands_beside_a_trace();
  void frames_that_do_not_match_are_refused_data();
  void frames_that_do_not_match_are_refused();
  void what_cannot_be_read_or_compared_is_said();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void CompareTraceTest::a_trace_of_the_episode_stands_beside_the_run() {
  Fixture f;
  QVERIFY(f.run());
  QVERIFY(f.compare({}));
  const auto theirs = fake_records(fake_policy(0.05)), ours = fake_records(f.session.policy());
  QVERIFY(f.wait([&] { return f.comparison.totals().frames == 40; }));
  qint64 differing = 0;
  for (qint64 i = 0; i < 40; ++i) {
    const auto place = static_cast<std::size_t>(i);
    QCOMPARE(f.comparison.depth(Comparison::kKept)[place], static_cast<float>(theirs[place]->depth()));
    QCOMPARE(f.comparison.depth(Comparison::kNow)[place], static_cast<float>(ours[place]->depth()));
    QVERIFY(same_record(*f.comparison.record(Comparison::kKept, i), *theirs[place]));
    differing += theirs[place]->depth() != ours[place]->depth() ? 1 : 0;
  }
  QVERIFY(differing > 0 && f.comparison.totals().differing >= differing);
  QVERIFY2(f.comparison.name(Comparison::kKept).startsWith("other.h5: deer-nano, thresholds 0.05"),
           qPrintable(f.comparison.name(Comparison::kKept)));
  // Another episode forgets it, as it forgets a run that was kept.
  f.session.open_episode(1);
  QVERIFY(f.wait([&] { return !f.comparison.has_kept(); }));
}

void CompareTraceTest::a_trace_of_some_of_its_frames_is_told_as_such() {
  Fixture f;
  QVERIFY(f.run());
  QVERIFY(f.compare({.first = 10, .count = 15}));
  const auto theirs = fake_records(fake_policy(0.05));
  QVERIFY(f.wait([&] { return f.comparison.totals().frames == 15; }));
  QVERIFY(!f.comparison.record(Comparison::kKept, 9) && !f.comparison.record(Comparison::kKept, 25));
  QVERIFY(same_record(*f.comparison.record(Comparison::kKept, 12), *theirs[12]));
  QVERIFY(std::isnan(f.comparison.depth(Comparison::kKept)[9]));
  QVERIFY2(f.comparison.name(Comparison::kKept).endsWith(", 15 of 40 frames"),
           qPrintable(f.comparison.name(Comparison::kKept)));
}

void CompareTraceTest::data_that_have_moved_are_known_by_their_actions() {
  Fixture f;
  QVERIFY(f.run());
  QVERIFY(f.compare({.source = "/mnt/server/x"}));
  QVERIFY(f.refusal({.source = "/mnt/server/x", .actions = false}).contains("recorded from /mnt/server/x"));
  QVERIFY(f.compare({.actions = false}));
}

void CompareTraceTest::a_trace_stands_beside_a_trace() {
  Fixture f;
  write(f.folder / "open.h5", {.first = 5, .count = 20, .threshold = 0.02});
  f.session.open_source(f.folder / "open.h5");
  QVERIFY(f.wait([&] { return f.session.trace()->metadata() && f.session.evaluated_count() == 20; }));
  QVERIFY(f.compare({.first = 10, .count = 30}));
  QVERIFY(f.wait([&] { return f.comparison.totals().frames == 15; }));
  // Frame 5 of the open trace is frame 10 of the data, and the first of the other trace.
  const auto theirs = fake_records(fake_policy(0.05));
  QVERIFY(!f.comparison.record(Comparison::kKept, 4));
  QCOMPARE(f.comparison.record(Comparison::kKept, 5)->depth(), theirs[10]->depth());
  QCOMPARE(f.comparison.record(Comparison::kKept, 5)->frame, 5);
  QVERIFY(!f.refusal({.first = 30, .count = 5}).isEmpty());
}

void CompareTraceTest::frames_that_do_not_match_are_refused_data() {
  QTest::addColumn<Made>("made");
  QTest::addColumn<QString>("says");
  QTest::newRow("another episode") << Made{.episode = 1, .count = 20} << "it holds episode 2, and episode 1 is open";
  QTest::newRow("other numbers") << Made{.id_offset = 7} << "frame 0 is number 1007 in the trace and 1000 in what";
  QTest::newRow("another instruction") << Made{.instruction = "dance"} << "has the instruction \"dance\" in the trace";
}

void CompareTraceTest::frames_that_do_not_match_are_refused() {
  QFETCH(const Made, made);
  QFETCH(const QString, says);
  Fixture f;
  QVERIFY(f.run());
  f.comparison.kept()->set_baseline(f.comparison.kept()->keep());
  const auto why = f.refusal(made);
  QVERIFY2(why.contains("other.h5") && why.contains("not a trace of the open episode") && why.contains(says),
           qPrintable(why));
  QVERIFY(!f.comparison.has_kept());
  // A run that was kept stays when a trace does not fit.
  f.comparison.kept()->set_baseline(f.comparison.kept()->keep());
  const auto name = f.comparison.name(Comparison::kKept);
  f.problems.clear();
  f.comparison.kept()->keep_trace(f.folder / "other.h5");
  QVERIFY(f.wait([&] { return f.problems.size() == 1; }));
  QCOMPARE(f.comparison.name(Comparison::kKept), name);
}

void CompareTraceTest::what_cannot_be_read_or_compared_is_said() {
  Fixture f;
  f.comparison.kept()->keep_trace(f.folder / "none.h5");  // nothing is open
  QCOMPARE(f.problems.size(), std::size_t{1});
  QVERIFY(f.problems[0].title.contains("No run to compare"));
  QVERIFY(f.run());
  f.comparison.kept()->keep_trace(f.folder / "none.h5");
  QVERIFY(f.wait([&] { return f.problems.size() == 2; }));
  QVERIFY2(f.problems[1].details.contains("none.h5"), qPrintable(f.problems[1].details));
  f.comparison.kept()->keep_trace(f.folder.write("text.h5", "no trace"));
  QVERIFY(f.wait([&] { return f.problems.size() == 3; }));
  QVERIFY(!f.comparison.kept()->reading_trace() && !f.comparison.has_kept());
  // What is kept meanwhile stays beside the trace that was asked for before.
  write(f.folder / "other.h5", {});
  f.comparison.kept()->keep_trace(f.folder / "other.h5");
  const auto run = f.comparison.kept()->keep();
  QVERIFY(f.wait([&] { return !f.comparison.kept()->reading_trace(); }));
  QCOMPARE(f.comparison.runs(), std::size_t{2});
  QVERIFY(f.comparison.kept()->run(run)->shown);
}

}  // namespace deer::test

DEER_SUITE(deer::test::CompareTraceTest)
#include "tst_compare_trace.moc"
