// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTest>
#include <cmath>
#include <fstream>

#include "sessions/runs/kept_runs.h"
#include "sessions/session/model_queries.h"
#include "tests/sessions/support/fake_live.h"
#include "tests/sessions/support/session_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace deer::test {
namespace {

struct RunListFixture : SessionFixture {
  RunListFixture() : runs(KeptRuns::of(&session)) {
    QObject::connect(runs, &KeptRuns::problem, &session, [this](const Problem& p) { problems.push_back(p); });
  }
  bool wait(const std::function<bool()>& done) { return QTest::qWaitFor(done, kPatienceMs); }
  bool open_episode(std::size_t index) {
    session.open_episode(index);
    return wait([&] { return session.episode_index() == index && idle(); });
  }
  bool set_thresholds(double threshold) {
    auto policy = session.policy();
    policy.thresholds.assign(policy.thresholds.size(), threshold);
    session.set_policy(policy);
    return wait([&] { return idle() && session.records_current(); });
  }
  /// Pauses a live run, and waits for the step under way.
  void pause() {
    session.live()->pause();
    QTest::qWait(60);
  }
  std::vector<FrameRecordPtr> records() const {
    std::vector<FrameRecordPtr> out;
    for (qint64 frame = 0; frame < session.frame_count(); ++frame) out.push_back(session.record(frame));
    return out;
  }
  QStringList names() const {
    QStringList out;
    for (const auto* const run : runs->listed()) out << run->name;
    return out;
  }

  KeptRuns* runs;
  std::vector<Problem> problems;
};

bool same_run(const std::vector<FrameRecordPtr>& a, const std::vector<FrameRecordPtr>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a[i] != !b[i]) return false;
    if (!a[i]) continue;
    // A kept run has no features.
    if (a[i]->frame != b[i]->frame || a[i]->exit_layer != b[i]->exit_layer || a[i]->action != b[i]->action)
      return false;
    if (a[i]->exits.size() != b[i]->exits.size() || a[i]->reason != b[i]->reason) return false;
  }
  return true;
}

std::size_t files_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

}  // namespace

class RunListTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() { QCOMPARE(guard_->unexpected(), QStringList()); }

  void a_kept_run_stays_as_it_was();
  void what_ifs_are_kept_once();
  void runs_come_back_after_a_restart();
  void a_removed_run_is_gone_for_good();
  void a_run_that_cannot_be_saved_is_told_and_stays();
  void damaged_files_are_told();
  void a_live_run_is_kept_by_itself();
  void live_runs_are_bounded();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void RunListTest::a_kept_run_stays_as_it_was() {
  RunListFixture f;
  QVERIFY(f.runs->keep().isEmpty());  // nothing to keep
  QVERIFY(f.open_and_run());
  const auto before = f.records();
  const auto policy = f.session.policy();
  const auto first = f.runs->keep();
  const auto second = f.runs->keep("with a name");
  QCOMPARE(f.names(), QStringList({"Run 1", "with a name"}));
  QVERIFY(f.runs->run(first)->color != f.runs->run(second)->color);
  QCOMPARE(f.runs->shown(), std::vector<QString>({first, second}));
  QCOMPARE(f.runs->baseline(), first);
  QVERIFY(f.set_thresholds(1e-9));
  QVERIFY(!same_run(f.records(), before));
  QTRY_VERIFY(f.wait([&] { return std::isfinite(f.runs->run(first)->figures.mean_depth); }));
  QVERIFY(same_run(*f.runs->records(first), before));
  double depth = 0;
  for (const auto& record : before) depth += record->depth();
  const auto& figures = f.runs->run(first)->figures;
  QCOMPARE(figures.evaluated, qint64(before.size()));
  QCOMPARE(figures.mean_depth, depth / double(before.size()));
  QVERIFY(figures.saving >= 1 && figures.mean_distance >= 0);
  QCOMPARE(figures.distance_unit, QString("mm"));
  QCOMPARE(f.runs->run(first)->policy, policy);
  // Names, colours and the baseline.
  f.runs->set_name(first, "  ");
  QCOMPARE(f.runs->run(first)->name, QString("Run 1"));
  f.runs->set_name(first, " the  best ");
  QCOMPARE(f.runs->run(first)->name, QString("the best"));
  f.runs->set_baseline(second);
  QCOMPARE(f.runs->baseline(), second);
  f.runs->set_shown(second, false);
  QCOMPARE(f.runs->baseline(), first);
  // Of another episode there are none; here they come back.
  QVERIFY(f.open_episode(1));
  QVERIFY(f.runs->listed().empty() && f.runs->shown().empty());
  QVERIFY(f.open_episode(0));
  QCOMPARE(f.names(), QStringList({"the best", "with a name"}));
  QCOMPARE(f.runs->shown(), std::vector<QString>{first});
  QVERIFY(same_run(*f.runs->records(first), before));
}

void RunListTest::what_ifs_are_kept_once() {
  RunListFixture f;
  QVERIFY(f.open_and_run());
  const auto before = f.session.policy();
  ExitPolicy deepest;
  deepest.criterion = Criterion::fixed_exit;
  std::vector<FrameRecordPtr> answer;
  connect(f.session.queries(), &ModelQueries::replayed_under, this,
          [&](const ExitPolicy&, const std::vector<FrameRecordPtr>& records) { answer = records; });
  f.session.queries()->replay_under(deepest);
  QVERIFY(f.wait([&] { return !answer.empty(); }));
  const auto first = f.runs->keep_what_if(answer, deepest);
  QCOMPARE(f.runs->run(first)->name, QString("Always the deepest exit"));
  f.runs->set_name(first, "full depth");
  const auto again = f.runs->keep_what_if(answer, deepest);
  QCOMPARE(f.names(), QStringList("full depth"));
  QVERIFY(!f.runs->run(first) && f.runs->run(again));
  QTRY_COMPARE(f.runs->run(again)->figures.saving, 1.0);
  QCOMPARE(f.session.policy(), before);
}

void RunListTest::runs_come_back_after_a_restart() {
  const TemporaryFolder folder;
  std::vector<FrameRecordPtr> before;
  QString id;
  RunFigures figures;
  {
    RunListFixture f;
    f.runs->keep_in(folder.path());
    QVERIFY(f.open_and_run());
    before = f.records();
    id = f.runs->keep("kept");
    const auto hidden = f.runs->keep("hidden");
    f.runs->set_shown(hidden, false);
    f.runs->set_color(id, 3);
    f.runs->set_name(id, "renamed");
    QVERIFY(f.wait([&] { return std::isfinite(f.runs->run(id)->figures.mean_depth); }));
    figures = f.runs->run(id)->figures;
    QTRY_VERIFY(!f.runs->records(hidden));  // it is in its file
    f.runs->set_shown(hidden, true);
    QTRY_VERIFY_WITH_TIMEOUT(f.runs->records(hidden), kPatienceMs);
    QVERIFY(same_run(*f.runs->records(hidden), before));
    f.runs->set_shown(hidden, false);
  }
  RunListFixture f;
  f.runs->keep_in(folder.path());
  QVERIFY(f.open());
  QTRY_COMPARE_WITH_TIMEOUT(f.names(), QStringList({"renamed", "hidden"}), kPatienceMs);
  const auto* const run = f.runs->run(id);
  QVERIFY(run && run->color == 3 && run->shown);
  QCOMPARE(run->figures.mean_depth, figures.mean_depth);
  QCOMPARE(run->figures.saving, figures.saving);
  QCOMPARE(run->figures.mean_distance, figures.mean_distance);
  QVERIFY(run->details().startsWith("deer-nano, thresholds"));
  QTRY_VERIFY_WITH_TIMEOUT(f.runs->records(id), kPatienceMs);
  QVERIFY(same_run(*f.runs->records(id), before));
  QCOMPARE(f.runs->shown(), std::vector<QString>{id});
  QCOMPARE(f.session.evaluated_count(), 0);  // the session's own run is another matter
  QVERIFY(f.problems.empty());
}

void RunListTest::a_removed_run_is_gone_for_good() {
  const TemporaryFolder folder;
  {
    RunListFixture f;
    f.runs->keep_in(folder.path());
    QVERIFY(f.open_and_run());
    const auto gone = f.runs->keep("gone");
    f.runs->keep("stays");
    f.runs->remove(gone);
    QCOMPARE(f.names(), QStringList("stays"));
    QVERIFY(!f.runs->run(gone));
  }
  QCOMPARE(files_in(folder.path()), 2U);
  RunListFixture f;
  f.runs->keep_in(folder.path());
  QVERIFY(f.open());
  QTRY_COMPARE_WITH_TIMEOUT(f.names(), QStringList("stays"), kPatienceMs);
}

void RunListTest::a_run_that_cannot_be_saved_is_told_and_stays() {
  const TemporaryFolder folder;
  const auto file = folder.write("file", "not a folder");
  RunListFixture f;
  f.runs->keep_in(std::filesystem::path(file) / "runs");
  QVERIFY(f.open_and_run());
  const auto before = f.records();
  const auto id = f.runs->keep("precious");
  QVERIFY(f.wait([&] { return f.problems.size() == 1; }));
  QVERIFY2(f.problems[0].title.contains("precious") && f.problems[0].details.contains("file"),
           qPrintable(f.problems[0].title + f.problems[0].details));
  f.runs->set_shown(id, false);
  QVERIFY(same_run(*f.runs->records(id), before));
}

void RunListTest::damaged_files_are_told() {
  const TemporaryFolder folder;
  QString id;
  {
    RunListFixture f;
    f.runs->keep_in(folder.path());
    QVERIFY(f.open_and_run());
    id = f.runs->keep("damaged");
  }
  std::filesystem::resize_file(folder / (id.toStdString() + ".h5"), 1000);
  folder.write("other.json", R"({"format": "deer kept run", "version": 1, "kind": "race"})");
  RunListFixture f;
  f.runs->keep_in(folder.path());
  QVERIFY(f.open());
  QVERIFY(f.wait([&] { return f.problems.size() == 2; }));
  QStringList told;
  for (const auto& problem : f.problems) told << problem.title + u' ' + problem.details;
  QVERIFY2(told.filter("other.json").filter("kind").size() == 1, qPrintable(told.join(u'\n')));
  QVERIFY2(told.filter("“damaged” could not be read").size() == 1, qPrintable(told.join(u'\n')));
  QVERIFY(!f.runs->run(id)->shown);
}

void RunListTest::a_live_run_is_kept_by_itself() {
  const TemporaryFolder folder;
  const auto live = std::make_shared<FakeLive>();
  {
    RunListFixture f;
    f.runs->keep_in(folder.path());
    QVERIFY(f.open_live(fake_live_opener(live), 20));
    f.pause();
    const auto before = f.records();
    // Another model would forget its records.
    f.session.open_model("/models/other");
    QVERIFY(f.wait([&] { return f.session.model()->path == "/models/other" && f.runs->listed().size() == 1; }));
    const auto* const run = f.runs->listed()[0];
    QCOMPARE(run->kind, KeptRun::Kind::live);
    QVERIFY(run->name.startsWith("Live ") && run->automatic && !run->shown);
    QCOMPARE(run->model.name, std::string("deer-nano"));
    const auto id = run->id;
    f.runs->set_shown(id, true);
    QTRY_VERIFY_WITH_TIMEOUT(f.runs->records(id), kPatienceMs);
    QVERIFY(same_run(*f.runs->records(id), before));
    // So does an episode that is opened; a run that was kept by hand is not kept again.
    f.session.run_episode();
    QVERIFY(f.wait([&] { return f.session.evaluated_count() > 5; }));
    f.pause();
    f.runs->keep("by hand");
    f.session.open_source("/data/task_D");
    QVERIFY(f.wait([&] { return f.session.episode_index().has_value(); }));
    QCOMPARE(f.names().size(), 2);
    QVERIFY(f.names().contains("by hand"));
    QVERIFY(f.runs->shown().empty());  // nothing live is open
  }
  RunListFixture f;
  f.runs->keep_in(folder.path());
  QTRY_COMPARE_WITH_TIMEOUT(f.names().size(), 2, kPatienceMs);
}

void RunListTest::live_runs_are_bounded() {
  RunListFixture f;
  const auto live = std::make_shared<FakeLive>();
  QSignalSpy opened(&f.session, &Session::episode_changed);
  f.session.open_model("/models/deer-nano");
  QVERIFY(f.wait([&] { return f.session.model() != nullptr; }));
  // Each but the last is replaced by the next.
  for (std::size_t i = 0; i < KeptRuns::kMostAutomatic + 3; ++i) {
    const auto before = opened.count();
    f.session.live()->open("a fake", fake_live_opener(live));
    QVERIFY(f.wait([&] { return opened.count() > before && f.session.evaluated_count() > 2; }));
  }
  QCOMPARE(f.runs->listed().size(), KeptRuns::kMostAutomatic);
}

}  // namespace deer::test

DEER_SUITE(deer::test::RunListTest)
#include "tst_run_list.moc"
