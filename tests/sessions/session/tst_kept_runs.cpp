// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "sessions/analysis/episode_runs.h"
#include "sessions/analysis/run_tally.h"
#include "sessions/frames/playback.h"
#include "sessions/inference/run_cache.h"
#include "sessions/session/model_queries.h"
#include "sessions/traces/saved_runs.h"
#include "tests/sessions/suites.h"
#include "tests/sessions/support/session_fixture.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace deer::test {

class KeptRunsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void a_finished_run_comes_back();
  void an_unfinished_run_starts_over();
  void each_model_has_its_runs();
  void the_cache_is_bounded();
  void a_run_comes_back_after_a_restart();
  void a_damaged_run_is_made_anew();
  void saved_runs_are_bounded();
  void the_playhead_ends_a_hover();
  void frames_run_again_with_a_change();
  void an_intervention_needs_a_finished_run();
};

namespace {

struct Fixture : SessionFixture {
  bool open_episode(std::size_t index) {
    session.open_episode(index);
    return QTest::qWaitFor([&] { return session.episode_index() == index && idle(); }, kPatienceMs);
  }
  bool all_evaluated() { return session.evaluated_count() == session.frame_count() && session.records_current(); }
  bool matches_fresh_run(std::size_t episode) {
    const auto source = fake_source_opener(control, 60)("/data/x", {})->open(episode);
    const auto wanted = fake_run(control, *source, session.policy());
    for (qint64 i = 0; i < session.frame_count(); ++i) {
      if (!session.record(i) || !same_record(*session.record(i), *wanted[std::size_t(i)])) return false;
    }
    return true;
  }
};

}  // namespace

void KeptRunsTest::a_finished_run_comes_back() {
  Fixture f;
  auto* const runs = EpisodeRuns::of(&f.session);
  QVERIFY(f.open_and_run());
  const int steps = f.control->steps;
  QTRY_VERIFY(runs->mean_depth(0));
  QVERIFY(!runs->mean_depth(1));
  QVERIFY(f.open_episode(1));
  QCOMPARE(f.session.evaluated_count(), 0);
  auto policy = f.session.policy();
  policy.thresholds.assign(policy.thresholds.size(), 1e-9);
  f.session.set_policy(policy);

  QVERIFY(f.open_episode(0));
  QTRY_VERIFY_WITH_TIMEOUT(f.all_evaluated(), kPatienceMs);
  QCOMPARE(f.control->steps.load(), steps);  // the model did not run again
  QVERIFY(f.matches_fresh_run(0));
  QTRY_COMPARE(*runs->mean_depth(0), RunTally::of(&f.session)->mean_depth());  // under the new policy

  // Opening it once more, and changing the policy there, works as after a run.
  QVERIFY(f.open_episode(1));
  QVERIFY(f.open_episode(0));
  QTRY_VERIFY_WITH_TIMEOUT(f.all_evaluated(), kPatienceMs);
  policy.thresholds.assign(policy.thresholds.size(), 1e9);
  f.session.set_policy(policy);
  QTRY_VERIFY_WITH_TIMEOUT(f.all_evaluated() && f.idle(), kPatienceMs);
  QVERIFY(f.matches_fresh_run(0));
  QCOMPARE(f.control->steps.load(), steps);
}

void KeptRunsTest::an_unfinished_run_starts_over() {
  Fixture f;
  QVERIFY(f.open());
  f.control->step_ms = 5;
  f.session.run_episode();
  QTRY_VERIFY(f.session.evaluated_count() > 5);
  f.session.cancel();
  f.control->step_ms = 0;
  QVERIFY(f.session.evaluated_count() < f.session.frame_count());
  QVERIFY(f.open_episode(1));
  QVERIFY(f.open_episode(0));
  QTest::qWait(100);
  QCOMPARE(f.session.evaluated_count(), 0);
  f.session.run_episode();
  QTRY_VERIFY_WITH_TIMEOUT(f.all_evaluated() && f.idle(), kPatienceMs);
  QVERIFY(f.matches_fresh_run(0));
}

void KeptRunsTest::each_model_has_its_runs() {
  Fixture f;
  QVERIFY(f.open_and_run());
  f.session.open_model("/models/other");
  QTRY_VERIFY_WITH_TIMEOUT(f.session.model()->path == "/models/other" && f.idle(), kPatienceMs);
  QTest::qWait(100);
  QCOMPARE(f.session.evaluated_count(), 0);
  QVERIFY(!EpisodeRuns::of(&f.session)->mean_depth(0));
  const int steps = f.control->steps;
  f.session.open_model("/models/deer-nano");
  QTRY_VERIFY_WITH_TIMEOUT(f.session.model()->path == "/models/deer-nano" && f.all_evaluated(), kPatienceMs);
  QCOMPARE(f.control->steps.load(), steps);
}

void KeptRunsTest::the_cache_is_bounded() {
  auto record = std::make_shared<FrameRecord>();
  record->exits.resize(3);
  for (auto& probe : record->exits) probe.feature.assign(1000, 1.0F);
  const auto each = bytes_of(*record);
  QVERIFY(each >= 3 * 1000 * sizeof(float));
  RunCache cache(each * 25);
  const std::vector<FrameRecordPtr> run(10, record);
  cache.keep("a", run);
  cache.keep("b", run);
  QCOMPARE(cache.size(), 2u);
  cache.keep("a", run);  // replaced, and used last
  cache.keep("c", run);
  QCOMPARE(cache.size(), 2u);
  QVERIFY(cache.bytes() <= each * 25);
  QVERIFY(cache.take("b").empty());
  QCOMPARE(cache.take("a").size(), 10u);
  QVERIFY(cache.take("a").empty());
  cache.keep("", run);
  cache.keep("too large", std::vector<FrameRecordPtr>(26, record));
  QVERIFY(cache.take("too large").empty() && cache.take("").empty());
  QCOMPARE(cache.bytes(), 0u);
}

void KeptRunsTest::a_run_comes_back_after_a_restart() {
  const TemporaryFolder folder;
  double depth = 0;
  {
    Fixture f;
    f.session.keep_runs_in(folder.path());
    EpisodeRuns::of(&f.session)->keep_in(folder.path());
    QVERIFY(f.open_and_run());
    QTRY_VERIFY(EpisodeRuns::of(&f.session)->mean_depth(0));
    depth = *EpisodeRuns::of(&f.session)->mean_depth(0);
  }
  Fixture f;
  f.session.keep_runs_in(folder.path());
  auto* const runs = EpisodeRuns::of(&f.session);
  runs->keep_in(folder.path());
  f.session.open_model("/models/deer-nano");
  QTRY_VERIFY_WITH_TIMEOUT(f.session.model() != nullptr, kPatienceMs);
  f.session.open_source("/data/task_D", {}, 1);
  QTRY_VERIFY_WITH_TIMEOUT(f.session.episode_index() == 1u && f.idle(), kPatienceMs);
  QTRY_VERIFY(runs->mean_depth(0));  // known before the episode is opened
  QCOMPARE(*runs->mean_depth(0), depth);
  QVERIFY(!runs->mean_depth(1));
  QVERIFY(f.open_episode(0));
  QTRY_VERIFY_WITH_TIMEOUT(f.all_evaluated(), kPatienceMs);
  QCOMPARE(f.control->steps.load(), 0);
  QVERIFY(f.matches_fresh_run(0));
  // Another policy is applied to it as to any run.
  auto policy = f.session.policy();
  policy.thresholds.assign(policy.thresholds.size(), 1e-9);
  f.session.set_policy(policy);
  QTRY_VERIFY_WITH_TIMEOUT(f.all_evaluated() && f.idle(), kPatienceMs);
  QVERIFY(f.matches_fresh_run(0));
}

void KeptRunsTest::a_damaged_run_is_made_anew() {
  const TemporaryFolder folder;
  {
    Fixture f;
    f.session.keep_runs_in(folder.path());
    QVERIFY(f.open_and_run());
  }
  int damaged = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
    std::filesystem::resize_file(file.path(), 1000);
    ++damaged;
  }
  QCOMPARE(damaged, 1);
  Fixture f;
  QStringList told;
  connect(&f.session, &Session::problem, this, [&](const Problem& p) { told << p.title + u' ' + p.details; });
  f.session.keep_runs_in(folder.path());
  QVERIFY(f.open());
  QTRY_COMPARE(told.size(), 1);
  QVERIFY2(told[0].startsWith("A saved run could not be read") && told[0].contains(".h5"), qPrintable(told[0]));
  QCOMPARE(f.session.evaluated_count(), 0);
  f.session.run_episode();
  QTRY_VERIFY_WITH_TIMEOUT(f.all_evaluated() && f.idle(), kPatienceMs);
  QVERIFY(f.matches_fresh_run(0));
}

void KeptRunsTest::saved_runs_are_bounded() {
  const TemporaryFolder folder;
  const auto control = std::make_shared<FakeControl>();
  const auto source = fake_source_opener(control, 60)("/data/x", {})->open(0);
  const auto engine =
      fake_engine_factory(control)("/models/deer-nano", {}, [](std::string_view, std::int64_t, std::int64_t) {}, {});
  const auto& model = engine->summary();
  const auto records = fake_run(control, *source, engine->policy());
  SavedRuns(folder.path()).save("a", model, records);
  const auto each = std::filesystem::file_size(SavedRuns(folder.path()).file_of("a"));
  const SavedRuns runs(folder.path(), each * 5 / 2);
  QCOMPARE(runs.load("a", model, records.size()).size(), records.size());
  runs.save("b", model, records);
  QTest::qWait(20);                                         // the file system's clock
  QVERIFY(!runs.load("a", model, records.size()).empty());  // used last
  QTest::qWait(20);
  runs.save("c", model, records);
  QVERIFY(runs.load("b", model, records.size()).empty());
  QVERIFY(!runs.load("a", model, records.size()).empty());
  QVERIFY(!runs.load("c", model, records.size()).empty());
  QVERIFY(runs.load("c", model, records.size() + 1).empty());  // an episode that has grown
}

void KeptRunsTest::the_playhead_ends_a_hover() {
  Fixture f;
  QVERIFY(f.open());
  f.session.set_current_frame(20);
  f.session.selection()->set_hovered_frame(20);
  f.session.set_current_frame(21);  // the pointer rests where one clicked
  QCOMPARE(f.session.selection()->hovered_frame(), -1);
  f.session.selection()->set_hovered_frame(7);  // it moves again
  QCOMPARE(f.session.selection()->hovered_frame(), 7);
  f.session.playback()->play();
  f.session.selection()->set_hovered_frame(9);
  QCOMPARE(f.session.selection()->hovered_frame(), -1);
  f.session.playback()->pause();
  f.session.selection()->set_hovered_frame(9);
  QCOMPARE(f.session.selection()->hovered_frame(), 9);
}

void KeptRunsTest::frames_run_again_with_a_change() {
  Fixture f;
  QVERIFY(f.open_and_run());
  IntervenedFrames got;
  QString failed;
  qint64 told = 0;
  auto* const queries = f.session.queries();
  connect(queries, &ModelQueries::intervened, this, [&](const IntervenedFrames& frames) { got = frames; });
  connect(queries, &ModelQueries::intervention_failed, this, [&](const QString& reason) { failed = reason; });
  connect(queries, &ModelQueries::intervening, this, [&](qint64 done, qint64) { told = done; });
  Intervention covered;
  covered.covers.push_back({CameraName::static_camera, {}});
  queries->intervene(covered, 20, 24);
  QTRY_VERIFY_WITH_TIMEOUT(got, kPatienceMs);
  QCOMPARE(got->size(), 5u);
  QCOMPARE(told, 5);
  for (std::size_t i = 0; i < got->size(); ++i) {
    const auto& one = (*got)[i];
    QCOMPARE(one.frame, qint64(20 + i));
    QVERIFY(same_record(*one.before, *f.session.record(one.frame)));
    QVERIFY(one.after->action != one.before->action);
    QCOMPARE(one.after->step, one.before->step);
  }
  // The run is as it was, and so is the engine.
  QVERIFY(f.matches_fresh_run(0));
  auto policy = f.session.policy();
  policy.thresholds.assign(policy.thresholds.size(), 1e-9);
  f.session.set_policy(policy);
  QTRY_VERIFY_WITH_TIMEOUT(f.all_evaluated() && f.idle(), kPatienceMs);
  QVERIFY(f.matches_fresh_run(0));

  // What the model lacks is refused with its reason; nothing changes without one.
  Intervention wrong;
  wrong.knockouts.push_back({0, 0, 7, CameraName::gripper});
  queries->intervene(wrong, 0, 0);
  QTRY_VERIFY_WITH_TIMEOUT(failed.contains("heads 0 to 0"), kPatienceMs);
  got.reset();
  queries->intervene({}, 3, 3);
  QTRY_VERIFY_WITH_TIMEOUT(got, kPatienceMs);
  QCOMPARE(got->front().after->action, got->front().before->action);

  // Only the newest is answered, and none that was stopped.
  got.reset();
  f.control->step_ms = 5;
  queries->intervene(covered, 0, 59);
  queries->intervene(covered, 1, 1);
  QTRY_VERIFY_WITH_TIMEOUT(got, kPatienceMs);
  QCOMPARE(got->size(), 1u);
  got.reset();
  queries->intervene(covered, 0, 59);
  queries->stop_intervening();
  QTest::qWait(400);
  QVERIFY(!got);
}

void KeptRunsTest::an_intervention_needs_a_finished_run() {
  Fixture f;
  QVERIFY(f.open());
  QString failed;
  connect(f.session.queries(), &ModelQueries::intervention_failed, this,
          [&](const QString& reason) { failed = reason; });
  f.session.queries()->intervene({}, 0, 0);
  QTRY_VERIFY_WITH_TIMEOUT(failed.contains("run the model over the episode first"), kPatienceMs);
}

}  // namespace deer::test

DEER_SUITE(deer::test::KeptRunsTest)
#include "tst_kept_runs.moc"
