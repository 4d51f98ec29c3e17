// SPDX-License-Identifier: GPL-3.0-or-later
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QTest>
#include <utility>

#include "core/base/atomic_file.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

class WriteLockTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void only_one_writes() {
    const TemporaryFolder folder;
    const auto file = folder / "trace.h5";
    const auto name = folder / "trace.h5.lock";
    {
      const WriteLock lock(file);
      QVERIFY(std::filesystem::exists(name));
      DEER_VERIFY_ERROR(WriteLock{file},
                        "trace.h5: is being written by another program (process " + std::to_string(::getpid()) + ")");
      const WriteLock other(folder / "other.h5");  // another file
    }
    QVERIFY(!std::filesystem::exists(name));
    WriteLock first(file);
    WriteLock second(std::move(first));
    DEER_VERIFY_ERROR(WriteLock{file}, "is being written");
    second = {};
    const WriteLock third(file);
  }

  // What a killed program leaves is no lock.
  void a_file_that_was_left_is_no_lock() {
    const TemporaryFolder folder;
    const auto file = folder / "x";
    folder.write("x.lock", std::string_view("1"));
    { const WriteLock lock(file); }
    const pid_t child = ::fork();
    if (child == 0) {
      const WriteLock lock(file);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    QCOMPARE(::waitpid(child, &status, 0), child);
    QVERIFY(std::filesystem::exists(folder / "x.lock"));
    const WriteLock lock(file);
  }

  void a_folder_that_is_not_there_is_told_by_the_writer() { const WriteLock lock("/nowhere/at/all"); }
};

DEER_SUITE(WriteLockTest)
#include "tst_write_lock.moc"
