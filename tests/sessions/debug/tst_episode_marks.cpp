// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTest>

#include "sessions/debug/episode_marks.h"
#include "tests/sessions/debug/debugger_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"

namespace deer::test {

class EpisodeMarksTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() {
    QCOMPARE(guard_->unexpected(), QStringList());
    guard_.reset();
  }

  void forced_exits_are_replayed_exactly();
  void forced_exits_stay_with_their_episode();
  void bookmarks_stay_with_their_episode();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void EpisodeMarksTest::forced_exits_are_replayed_exactly() {
  DebuggerFixture f;
  ForcedExits forced(&f.session);
  QVERIFY(!forced.obstacle(3).isEmpty());
  QVERIFY(f.open_and_scan());
  QSignalSpy changed(&forced, &ForcedExits::changed);
  const auto before = f.session.record(10);
  const int other = before->exit_index == 3 ? 0 : 3;
  forced.force(10, other);
  QVERIFY(f.wait_idle() && f.scanned());
  QCOMPARE(changed.size(), 1);
  QCOMPARE(f.session.record(10)->exit_index, other);
  QVERIFY(f.session.record(10)->reason == ExitReason::forced);
  auto source = f.session.collection()->open(0);
  const auto expected = fake_run(f.control, *source, f.session.policy());
  for (qint64 i = 0; i < 60; ++i) QVERIFY(same_record(*f.session.record(i), *expected[std::size_t(i)]));
  // What follows differs: the memory went on from another exit.
  bool differs = false;
  f.debugger.set_watches({"forced"});
  QVERIFY(f.scanned());
  QCOMPARE(f.debugger.watch_values(0)[10], 1.0F);
  forced.remove(10);
  QVERIFY(f.wait_idle());
  for (qint64 i = 11; i < 30; ++i) {
    differs = differs || !same_record(*f.session.record(i), *expected[std::size_t(i)]);
  }
  QVERIFY(differs);
  QVERIFY(forced.layers().empty());
  forced.force(10, 9);
  forced.force(1000, 0);
  QVERIFY(forced.layers().empty());
}

void EpisodeMarksTest::forced_exits_stay_with_their_episode() {
  DebuggerFixture f;
  ForcedExits forced(&f.session);
  QVERIFY(f.open_and_scan());
  forced.force(3, 0);
  f.session.open_episode(1);
  QVERIFY(QTest::qWaitFor([&] { return f.session.frame_count() == 30; }, kPatienceMs));
  QVERIFY(forced.layers().empty());
  f.session.open_episode(0);
  QVERIFY(QTest::qWaitFor([&] { return f.session.frame_count() == 60; }, kPatienceMs));
  QCOMPARE(forced.layers(), (std::map<std::int64_t, int>{{3, 1}}));
}

void EpisodeMarksTest::bookmarks_stay_with_their_episode() {
  DebuggerFixture f;
  Bookmarks bookmarks(&f.session);
  QVERIFY(f.open_and_scan());
  bookmarks.toggle(5);
  bookmarks.toggle(9);
  bookmarks.toggle(5);
  QCOMPARE(bookmarks.frames().members(), (std::vector<qint64>{9}));
  f.session.open_episode(1);
  QVERIFY(QTest::qWaitFor([&] { return f.session.frame_count() == 30; }, kPatienceMs));
  QCOMPARE(bookmarks.frames().count(), 0);
  bookmarks.toggle(2);
  const auto all = bookmarks.all();
  QCOMPARE(all.size(), std::size_t(2));
  QCOMPARE(all.at("/data/task_D#0"), (std::vector<qint64>{9}));
  QCOMPARE(all.at("/data/task_D#1"), (std::vector<qint64>{2}));
  bookmarks.set_all({{"/data/task_D#1", {7, 8, 1000}}});
  QCOMPARE(bookmarks.frames().members(), (std::vector<qint64>{7, 8}));
}

}  // namespace deer::test

DEER_SUITE(deer::test::EpisodeMarksTest)
#include "tst_episode_marks.moc"
