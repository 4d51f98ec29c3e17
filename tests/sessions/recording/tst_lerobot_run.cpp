// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTest>
#include <fstream>

#include "core/episodes/lerobot/parquet_file.h"
#include "core/episodes/open/open_source.h"
#include "sessions/recording/lerobot_run.h"
#include "tests/sessions/support/session_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace deer::test {

class TestLerobotRun : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() { QCOMPARE(guard_->unexpected(), QStringList()); }

  void a_run_is_written_with_its_predictions() {
    if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow");
    const TemporaryFolder folder;
    SessionFixture f(12);
    LerobotRun run(&f.session);
    QVERIFY(!run.can_write());
    QVERIFY(f.open_and_run());
    QSignalSpy finished(&run, &LerobotRun::finished);
    run.write(folder / "out");
    QVERIFY(run.writing() && !run.can_write());
    QVERIFY(finished.wait(kPatienceMs));
    QCOMPARE(finished.front().at(1).toLongLong(), 12);
    QVERIFY(run.can_write());
    const auto data = open_source(folder / "out");
    QCOMPARE(data->open(0)->length().value(), 12);
    const ParquetFile rows(folder / "out" / "data" / "chunk-000" / "file-000.parquet");
    const auto exits = rows.numbers("prediction.exit", 0, 12).values;
    const auto actions = rows.numbers("prediction.action", 0, 12);
    QCOMPARE(actions.width, std::size_t{7});
    for (qint64 frame = 0; frame < 12; ++frame) {
      const auto record = f.session.record(frame);
      const auto at = static_cast<std::size_t>(frame);
      QCOMPARE(exits[at], static_cast<double>(record->exit_index));
      QCOMPARE(actions.values[at * 7 + 2], static_cast<double>(record->command[2]));
    }
  }

  void a_folder_that_is_in_use_is_refused() {
    if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow");
    const TemporaryFolder folder;
    std::ofstream(folder / "file") << "x";
    SessionFixture f(4);
    QVERIFY(f.open());
    LerobotRun run(&f.session);
    QSignalSpy failed(&run, &LerobotRun::failed);
    run.write(folder.path());
    QVERIFY(failed.wait(kPatienceMs));
    QVERIFY(failed.front().at(0).toString().contains("expected a new or an empty folder"));
    QVERIFY(run.can_write());
  }

 private:
  std::unique_ptr<LogGuard> guard_;
};

}  // namespace deer::test

using deer::test::TestLerobotRun;
DEER_SUITE(TestLerobotRun)
#include "tst_lerobot_run.moc"
