// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "core/episodes/recorded_source.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kPictureBytes = 30'000;

// Counts the loads of each frame, and can hold them back until a test lets them go.
class Shared {
 public:
  void enter(std::int64_t index, const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    ++loads[index];
    order.push_back(index);
    changed.notify_all();
    if (!changed.wait(lock, stop, [&] { return !held.contains(index); })) throw Cancelled();
  }
  void release(std::int64_t index) {
    const std::scoped_lock lock(mutex);
    held.erase(index);
    changed.notify_all();
  }
  // Long enough for the slowest machine: reached only if the test fails.
  template <typename F>
  bool wait(F condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 60s, condition);
  }
  int count(std::int64_t index) {
    const std::scoped_lock lock(mutex);
    return loads[index];
  }

  std::mutex mutex;
  std::condition_variable_any changed;
  std::map<std::int64_t, int> loads;
  std::vector<std::int64_t> order;
  std::set<std::int64_t> held;
  std::set<std::int64_t> broken;
};

class CountingReader final : public FrameReader {
 public:
  CountingReader(std::shared_ptr<Shared> shared, std::int64_t length) : shared_(std::move(shared)), length_(length) {}
  std::int64_t length() const override { return length_; }
  Observation load(std::int64_t index, const std::stop_token& stop) override {
    shared_->enter(index, stop);
    if (shared_->broken.contains(index)) throw FileError("frame", std::to_string(index) + " is broken");
    Observation out;
    out.frame_id = 1000 + index;
    auto image = std::make_shared<Image>();
    image->width = 100;
    image->height = 100;
    image->rgb.assign(kPictureBytes, static_cast<std::uint8_t>(index));
    out.rgb_static = std::move(image);
    return out;
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::int64_t length_;
};

struct Fixture {
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::unique_ptr<RecordedSource> source;

  explicit Fixture(const CacheOptions& options, std::int64_t length = 1000, std::vector<InstructionSpan> spans = {})
      : source(std::make_unique<RecordedSource>(SourceInfo{"test", "", "test", 30, false}, std::move(spans),
                                                std::make_unique<CountingReader>(shared, length), options)) {}
};

}  // namespace

class TestRecordedSource : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void cache_is_bounded_by_bytes() {
    Fixture f({100'000, 0, 0});  // room for three frames
    for (std::int64_t i = 0; i < 50; ++i) {
      QCOMPARE(f.source->read(i)->frame_id, 1000 + i);
      QVERIFY(f.source->cached_bytes() <= 100'000);
    }
    QVERIFY(f.source->cached_bytes() > 3 * kPictureBytes);
    f.source->read(47);  // used again, so 48 is now the oldest
    f.source->read(3);
    QCOMPARE(f.shared->count(47), 1);
    f.source->read(47);
    f.source->read(49);
    QCOMPARE(f.shared->count(47), 1);
    QCOMPARE(f.shared->count(49), 1);
    f.source->read(48);
    QCOMPARE(f.shared->count(48), 2);
  }

  void a_frame_larger_than_the_cache_is_read_all_the_same() {
    Fixture f({10'000, 4, 4});
    QCOMPARE(f.source->read(5)->rgb_static->rgb[0], 5);
    QCOMPARE(f.source->cached_bytes(), std::size_t{0});
    f.source->read(5);
    QCOMPARE(f.shared->count(5), 2);
  }

  void reads_ahead_mostly_forward() {
    Fixture f({std::size_t{64} << 20, 6, 2});
    f.source->prefetch(100);
    QVERIFY(f.shared->wait([&] { return f.shared->order.size() == 9; }));
    QCOMPARE(f.shared->order, (std::vector<std::int64_t>{100, 101, 102, 103, 99, 104, 105, 106, 98}));
    for (std::int64_t i = 98; i <= 106; ++i) f.source->read(i);
    for (std::int64_t i = 98; i <= 106; ++i) QCOMPARE(f.shared->count(i), 1);
    // One further: only the new frame is read.
    f.source->prefetch(101);
    QVERIFY(f.shared->wait([&] { return f.shared->order.size() == 10; }));
    QCOMPARE(f.shared->order.back(), 107);
  }

  void stays_inside_the_recording() {
    Fixture f({std::size_t{64} << 20, 6, 2}, 4);
    f.source->prefetch(3);
    f.source->prefetch(1'000'000);
    f.source->prefetch(-1'000'000);
    f.source->prefetch(2);
    QVERIFY(f.shared->wait(
        [&] { return f.shared->loads[0] + f.shared->loads[1] + f.shared->loads[2] + f.shared->loads[3] >= 4; }));
    for (const auto& [index, count] : f.shared->loads) QVERIFY(index >= 0 && index < 4);
  }

  void reads_no_further_ahead_than_the_cache_can_hold() {
    Fixture f({400'000, 100, 0});  // 13 frames; half of them may be ahead
    f.source->read(0);
    f.shared->held = {5};
    f.source->prefetch(0);
    QVERIFY(f.shared->wait([&] { return f.shared->loads[5] == 1; }));
    f.shared->release(5);
    f.source->read(0);
    // The thread goes on only when it is told to: a hint elsewhere shows that it is done with the first.
    f.source->prefetch(500);
    QVERIFY(f.shared->wait([&] { return f.shared->loads[505] == 1; }));
    for (std::int64_t i = 7; i < 500; ++i) QCOMPARE(f.shared->count(i), 0);
  }

  void a_new_hint_replaces_the_old_one() {
    Fixture f({std::size_t{64} << 20, 50, 0});
    f.shared->held = {10};
    f.source->prefetch(10);
    QVERIFY(f.shared->wait([&] { return f.shared->loads[10] == 1; }));
    f.source->prefetch(500);
    f.shared->release(10);
    QVERIFY(f.shared->wait([&] { return f.shared->loads[550] == 1; }));
    for (std::int64_t i = 11; i < 61; ++i) QCOMPARE(f.shared->count(i), 0);
  }

  void a_frame_being_read_is_not_read_twice() {
    Fixture f({std::size_t{64} << 20, 1, 0});
    f.shared->held = {7};
    f.source->prefetch(7);
    QVERIFY(f.shared->wait([&] { return f.shared->loads[7] == 1; }));
    ObservationPtr found;
    std::thread reader([&] { found = f.source->read(7); });
    f.shared->release(7);
    reader.join();
    QVERIFY(found);
    QCOMPARE(f.shared->count(7), 1);
  }

  void a_broken_frame_is_an_error_for_who_reads_it() {
    Fixture f({std::size_t{64} << 20, 3, 0});
    f.shared->broken = {11};
    f.source->prefetch(10);
    QVERIFY(f.shared->wait([&] { return f.shared->loads[13] == 1; }));
    DEER_VERIFY_ERROR(f.source->read(11), "frame: 11 is broken");
    DEER_VERIFY_ERROR(f.source->read(11), "frame: 11 is broken");
    QCOMPARE(f.source->read(12)->frame, 12);
    QCOMPARE(f.shared->count(12), 1);
  }

  void destruction_cancels() {
    Fixture f({std::size_t{64} << 20, 10, 0});
    f.shared->held = {1};  // for ever, unless its stop token is heard
    f.source->prefetch(0);
    QVERIFY(f.shared->wait([&] { return f.shared->loads[1] == 1; }));
    f.source.reset();
    QCOMPARE(f.shared->count(2), 0);
  }

  void next_ends_when_stopped() {
    Fixture f({std::size_t{64} << 20, 0, 0});
    f.shared->held = {1};
    std::stop_source stop;
    QCOMPARE(f.source->next(stop.get_token())->frame, 0);
    ObservationPtr found = std::make_shared<Observation>();
    std::thread reader([&] { found = f.source->next(stop.get_token()); });
    QVERIFY(f.shared->wait([&] { return f.shared->loads[1] == 1; }));
    stop.request_stop();
    reader.join();
    QVERIFY(found == nullptr);
  }

  void instructions_reach_their_frames() {
    Fixture f({1 << 20, 0, 0}, 100, {{2, 4, "one", "t"}, {6, 6, "two", "t"}});
    const std::vector<std::string> expected = {"", "", "one", "one", "one", "", "two", ""};
    for (std::size_t i = 0; i < expected.size(); ++i) {
      QCOMPARE(f.source->read(static_cast<std::int64_t>(i))->instruction, expected[i]);
    }
  }

  void many_threads() {
    Fixture f({500'000, 8, 2}, 200);
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 500; ++i) {
          const std::int64_t index = (i * (t + 3) * 7) % 200;
          f.source->prefetch(index);
          const auto frame = f.source->read(index);
          if (frame->frame != index || frame->rgb_static->rgb[0] != static_cast<std::uint8_t>(index)) ++wrong;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    QCOMPARE(wrong.load(), 0);
    QVERIFY(f.source->cached_bytes() <= 500'000);
  }
};

DEER_SUITE(TestRecordedSource)
#include "tst_recorded_source.moc"
