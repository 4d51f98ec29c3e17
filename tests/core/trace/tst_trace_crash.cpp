// SPDX-License-Identifier: GPL-3.0-or-later
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QTest>
#include <thread>

#include "core/trace/hdf5/safe_file_driver.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"
#include "tests/core/trace/made_up_records.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace std::chrono_literals;

namespace {

// Runs `work` in a process of its own, which `interfere` may kill. True if it came to its end.
bool in_child(const std::function<void()>& work, const std::function<void(pid_t)>& interfere = {}) {
  const auto child = ::fork();
  if (child == 0) {
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      ::_exit(3);
    }
    ::_exit(0);
  }
  if (interfere) interfere(child);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) throw std::runtime_error("the child failed by itself");
  return WIFEXITED(status);
}

// Every frame of the file, as it must be; the number of them.
std::int64_t check_file(const fs::path& file) {
  const auto trace = TraceReader::open(file);
  const auto records = trace->records(0, trace->frames());
  const auto details = trace->details(0, trace->frames(), true);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto frame = static_cast<std::int64_t>(i);
    if (!test::same(*records[i], test::made_up_record(frame)) ||
        !test::same(details[i], test::made_up_details(frame))) {
      throw Error("frame " + std::to_string(i) + " is not what was written");
    }
  }
  return trace->frames();
}

// Adds frames up to `frames`, a flush after every third.
void write_frames(TraceWriter& writer, std::int64_t frames) {
  for (std::int64_t i = writer.frames(); i < frames; ++i) {
    writer.append(test::made_up_record(i), test::made_up_details(i));
    if (i % 3 == 2) writer.flush();
  }
}

}  // namespace

class TraceCrashTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void lookup3_is_hdf5s();
  void a_kill_before_every_single_write_data();
  void a_kill_before_every_single_write();
  void kills_at_random_moments();
  void what_waits_is_flushed_in_time();
  void a_full_disk_keeps_what_was_flushed();
};

void TraceCrashTest::lookup3_is_hdf5s() {
  // From the test suite of lookup3 itself.
  const std::string_view text = "Four score and seven years ago";
  QCOMPARE(lookup3(std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size())), 0x17770551U);
  QCOMPARE(lookup3({}), 0xdeadbeefU);
}

void TraceCrashTest::a_kill_before_every_single_write_data() {
  QTest::addColumn<int>("before");
  QTest::newRow("a new trace") << 0;
  QTest::newRow("a trace that grows") << 100;
}

void TraceCrashTest::a_kill_before_every_single_write() {
  QFETCH(const int, before);
  test::TemporaryFolder folder;
  constexpr int kMore = 9;
  const auto run = [&](const fs::path& file) {
    auto writer = before == 0 ? TraceWriter::create(file, test::made_up_metadata()) : TraceWriter::append_to(file);
    write_frames(*writer, before + kMore);
    writer->close();
  };
  if (before > 0) {
    const auto writer = TraceWriter::create(folder / "start.h5", test::made_up_metadata());
    write_frames(*writer, before);
    writer->close();
  }
  std::int64_t most = -1;
  int kills = 0;
  for (int survived = 0;; ++survived) {
    const auto file = folder / "trace.h5";
    fs::remove(file);
    if (before > 0) fs::copy_file(folder / "start.h5", file);
    const bool ended = in_child([&] {
      set_safe_file_hook([left = survived]() mutable {
        if (left-- == 0) ::kill(::getpid(), SIGKILL);
      });
      run(file);
    });
    if (!fs::exists(file)) {
      QVERIFY2(before == 0 && most < 0, "a trace that was there is gone");
      continue;
    }
    const auto frames = check_file(file);
    // What was flushed stays: the number never falls from one write to the next.
    QVERIFY2(frames >= most && frames <= before + kMore, std::to_string(frames).c_str());
    most = frames;
    // And the run can go on.
    if (survived % 7 == 0) {
      const auto writer = TraceWriter::append_to(file);
      QCOMPARE(writer->frames(), frames);
      write_frames(*writer, before + kMore + 5);
      writer->close();
      QCOMPARE(check_file(file), std::int64_t{before + kMore + 5});
    }
    if (ended) break;
    ++kills;
  }
  QCOMPARE(most, std::int64_t{before + kMore});
  QVERIFY2(kills > 50, std::to_string(kills).c_str());
}

void TraceCrashTest::kills_at_random_moments() {
  test::TemporaryFolder folder;
  const auto file = folder / "trace.h5";
  TraceWriter::create(file, test::made_up_metadata())->close();
  std::mt19937 random(7);
  std::int64_t frames = 0;
  int killed = 0;
  for (int round = 0; round < 60; ++round) {
    killed += in_child(
                  [&] {
                    TraceWriterOptions often;
                    often.flush_every = 1ms;
                    const auto writer = TraceWriter::append_to(file, often);
                    for (auto i = writer->frames(); i < frames + 4000; ++i) {
                      writer->append(test::made_up_record(i), test::made_up_details(i));
                      if (i % 16 == 0) std::this_thread::sleep_for(100us);
                    }
                  },
                  [&](pid_t child) {
                    std::this_thread::sleep_for(std::chrono::microseconds(random() % 30'000));
                    ::kill(child, SIGKILL);
                  })
                  ? 0
                  : 1;
    const auto found = check_file(file);
    QVERIFY2(found >= frames, "frames that were there are gone");
    frames = found;
  }
  QVERIFY2(killed >= 40 && frames > 0, (std::to_string(killed) + " " + std::to_string(frames)).c_str());
}

void TraceCrashTest::what_waits_is_flushed_in_time() {
  test::TemporaryFolder folder;
  const auto file = folder / "trace.h5";
  QVERIFY(!in_child(
      [&] {
        TraceWriterOptions soon;
        soon.flush_every = 50ms;
        const auto writer = TraceWriter::create(file, test::made_up_metadata(), soon);
        writer->append(test::made_up_record(0), test::made_up_details(0));
        std::this_thread::sleep_for(60s);  // a slow model
      },
      [&](pid_t child) {
        QTRY_VERIFY_WITH_TIMEOUT(fs::exists(file) && check_file(file) == 1, 10'000);
        ::kill(child, SIGKILL);
      }));
  QCOMPARE(check_file(file), 1);
}

void TraceCrashTest::a_full_disk_keeps_what_was_flushed() {
  test::TemporaryFolder folder;
  const auto file = folder / "trace.h5";
  // A file that may not grow behaves like a full disk.
  QVERIFY(in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const auto writer = TraceWriter::create(file, test::made_up_metadata(512));
    for (std::int64_t i = 0; i < 10; ++i) writer->append(test::made_up_record(i, 512));
    writer->flush();
    const rlimit limit{fs::file_size(file), RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto message = test::error_of([&] {
      for (std::int64_t i = 10; i < 5000; ++i) {
        writer->append(test::made_up_record(i, 512));
        if (i % 10 == 0) writer->flush();
      }
    });
    if (message.find("File too large") == std::string::npos || message.find("trace.h5") == std::string::npos) {
      throw Error("unexpected: '" + message + "'");
    }
    if (test::error_of([&] { writer->append(test::made_up_record(0, 512)); }).empty()) throw Error("append went on");
    if (test::error_of([&] { writer->close(); }).empty()) throw Error("close said nothing");
  }));
  const auto trace = TraceReader::open(file);
  QVERIFY(trace->frames() >= 10 && trace->frames() < 5000);
  const auto records = trace->records(0, trace->frames());
  for (std::size_t i = 0; i < records.size(); ++i) {
    QVERIFY(test::same(*records[i], test::made_up_record(static_cast<std::int64_t>(i), 512)));
  }
}

DEER_SUITE(TraceCrashTest)
#include "tst_trace_crash.moc"
