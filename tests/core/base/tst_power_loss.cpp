// SPDX-License-Identifier: GPL-3.0-or-later
// What a file's name stands for after the machine loses power: never a part of the content. The order of the calls to
// the system decides; this program has its own fsync and rename, which note the order and then do the work.
#include <dlfcn.h>
#include <sys/stat.h>

#include <QTest>
#include <cerrno>
#include <fstream>
#include <vector>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json_file.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

struct Call {
  std::string name;
  std::string path;
  std::int64_t bytes = 0;  ///< on the disk after it
};

bool noting = false;  ///< not while other suites of this program run
std::vector<Call> calls;
int fsync_error = 0;  ///< errno of every fsync; 0: they work

std::string path_of(int file) {
  std::error_code error;
  return fs::read_symlink("/proc/self/fd/" + std::to_string(file), error).string();
}

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int fsync(int file) {
  struct stat status {};
  ::fstat(file, &status);
  if (noting) calls.push_back({"fsync", path_of(file), status.st_size});
  if (fsync_error != 0) {
    errno = fsync_error;
    return -1;
  }
  return real<int (*)(int)>("fsync")(file);
}

extern "C" int rename(const char* from, const char* to) noexcept {
  if (noting) calls.push_back({"rename", from, 0});
  return real<int (*)(const char*, const char*)>("rename")(from, to);
}

class PowerLossTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() {
    calls.clear();
    fsync_error = 0;
    noting = true;
  }
  void cleanup() {
    fsync_error = 0;
    noting = false;
  }
  void the_content_is_on_the_disk_before_it_has_the_name();
  void files_that_can_be_made_again_wait_for_nothing();
  void a_disk_that_fails_keeps_the_old_file();
  void file_systems_that_cannot_sync_are_left_alone();

 private:
  test::TemporaryFolder folder_;
};

void PowerLossTest::the_content_is_on_the_disk_before_it_has_the_name() {
  const auto file = folder_ / "session.json";
  write_file_atomically(file, [](std::ostream& out) {
    // More than a stream's buffer: what is left in it must be written before the sync too.
    for (int i = 0; i < 20'001; ++i) out << 'x';
  });
  QCOMPARE(calls.size(), std::size_t{3});
  QCOMPARE(calls[0].name, std::string("fsync"));
  QCOMPARE(calls[0].bytes, std::int64_t{20'001});
  QCOMPARE(calls[1].name, std::string("rename"));
  QCOMPARE(calls[1].path, calls[0].path);
  QVERIFY(calls[0].path != file.string());
  // The name itself is in the folder.
  QCOMPARE(calls[2].name, std::string("fsync"));
  QCOMPARE(calls[2].path, fs::canonical(folder_.path()).string());
}

void PowerLossTest::files_that_can_be_made_again_wait_for_nothing() {
  write_file_atomically(folder_ / "frame.npz", "content", Durable::no);
  QCOMPARE(calls.size(), std::size_t{1});
  QCOMPARE(calls[0].name, std::string("rename"));
}

void PowerLossTest::a_disk_that_fails_keeps_the_old_file() {
  const auto file = folder_ / "kept.json";
  write_file_atomically(file, "1");
  fsync_error = EIO;
  QVERIFY_THROWS_EXCEPTION(FileError, write_file_atomically(file, "2"));
  QCOMPARE(read_json(file), Json(1));
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    QVERIFY(entry.path().string().find(".part") == std::string::npos);
}

void PowerLossTest::file_systems_that_cannot_sync_are_left_alone() {
  fsync_error = EINVAL;
  write_file_atomically(folder_ / "odd.json", "3");
  QCOMPARE(read_json(folder_ / "odd.json"), Json(3));
}

DEER_SUITE(PowerLossTest)
#include "tst_power_loss.moc"
