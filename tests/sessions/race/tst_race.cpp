// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTest>
#include <mutex>

#include "core/base/error.h"
#include "sessions/race/race.h"
#include "tests/sessions/support/fakes.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"

namespace deer::test {
namespace {

constexpr int kRacePatienceMs = 20000;

/// What the fake worlds of a race do; each world counts its own steps.
struct FakeRaceWorld {
  int done_after[2] = {20, 20};  ///< frames until the task is done, by world; 0: never
  int failed_after = 0;          ///< frames until it has failed in every world; 0: never
  bool scored = true;            ///< it can tell whether the task is done
  int opened = 0;
  std::mutex mutex;
  std::vector<std::vector<std::array<float, 7>>> commands;
  bool fails = false;  ///< the second world cannot be opened
};

class RaceFrames final : public FrameSource {
 public:
  RaceFrames(std::shared_ptr<FakeRaceWorld> world, std::size_t place) : world_(std::move(world)), place_(place) {
    info_.title = "a race";
  }
  const SourceInfo& info() const override { return info_; }
  std::optional<std::int64_t> length() const override { return std::nullopt; }
  const std::vector<InstructionSpan>& instructions() const override { return spans_; }
  ObservationPtr read(std::int64_t) override { throw Error("live"); }
  ObservationPtr next(std::stop_token stop) override {
    if (stop.stop_requested()) return nullptr;
    auto image = std::make_shared<Image>();
    image->width = image->height = 4;
    image->rgb.assign(48, static_cast<std::uint8_t>(frame_));
    auto out = std::make_shared<Observation>();
    out->frame = out->frame_id = frame_++;
    out->rgb_static = image;
    out->instruction = "open the drawer";
    return out;
  }
  void act(const std::array<float, 7>& command) override {
    const std::scoped_lock lock(world_->mutex);
    world_->commands[place_].push_back(command);
  }
  std::optional<TaskCount> tasks() const {
    if (!world_->scored) return std::nullopt;
    const int done = world_->done_after[place_ % 2];
    if (done > 0 && frame_ > done) return TaskCount{1, 0};
    if (world_->failed_after > 0 && frame_ > world_->failed_after) return TaskCount{0, 1};
    return TaskCount{};
  }

 private:
  std::shared_ptr<FakeRaceWorld> world_;
  std::size_t place_;
  SourceInfo info_;
  std::vector<InstructionSpan> spans_;
  int frame_ = 0;
};

LiveOpener opener_of(const std::shared_ptr<FakeRaceWorld>& world) {
  return [world] {
    const std::scoped_lock lock(world->mutex);
    if (world->fails && world->opened > 0) throw Error("the world has no light");
    const auto frames = std::make_shared<RaceFrames>(world, world->commands.size());
    world->commands.emplace_back();
    ++world->opened;
    LiveSource out;
    out.frames = frames;
    out.takes_commands = true;
    out.tasks = [frames] { return frames->tasks(); };
    return out;
  };
}

ExitPolicy policy_of(std::optional<int> fixed_layer) {
  ExitPolicy policy;
  policy.criterion = Criterion::fixed_exit;
  policy.fixed_layer = fixed_layer;
  return policy;
}

struct RaceFixture {
  RaceFixture() : race(fake_engine_factory(control)) {
    QObject::connect(&race, &Race::problem, &race, [this](const Problem& p) { problems.push_back(p); });
  }
  Race::Setup setup(std::optional<int> second) {
    return {"/models/deer-nano", {}, {policy_of(std::nullopt), policy_of(second)}, opener_of(world)};
  }
  bool finish() {
    return QTest::qWaitFor([this] { return race.state() == Race::State::finished; }, kRacePatienceMs);
  }

  FakeControlPtr control = std::make_shared<FakeControl>();
  std::shared_ptr<FakeRaceWorld> world = std::make_shared<FakeRaceWorld>();
  Race race;
  std::vector<Problem> problems;
};

}  // namespace

class RaceTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() { QCOMPARE(guard_->unexpected(), QStringList()); }

  void both_sides_run_their_policy();
  void the_faster_one_waits_at_the_end();
  void equal_policies_save_nothing();
  void a_failure_is_told();
  void what_cannot_be_scored_ends();
  void a_policy_changes_while_it_runs();
  void stopping_does_not_wait();
  void a_new_race_takes_the_place_of_the_old();
  void what_cannot_be_opened_is_told();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void RaceTest::both_sides_run_their_policy() {
  RaceFixture f;
  f.race.start(f.setup(1));
  QCOMPARE(f.race.state(), Race::State::opening);
  QVERIFY(!f.race.saving());
  QVERIFY(f.finish());
  QCOMPARE(f.control->steps.load(), 40);
  const int layers = f.race.model()->layers;
  for (const int side : {0, 1}) {
    const auto& lane = f.race.lane(side);
    QCOMPARE(lane.state, RaceLane::State::done);
    QCOMPARE(lane.steps, 20);
    QCOMPARE(lane.depth, side == 0 ? layers : 2);
    QCOMPARE(lane.exit_index, side == 0 ? 3 : 0);
    QCOMPARE(lane.layers, 20.0 * lane.depth);
    QCOMPARE(lane.model_ms, 20 * 8.0);
    QVERIFY(lane.picture && lane.picture->rgb[0] == 20);  // the one in which it was done
    QCOMPARE(f.world->commands[std::size_t(side)].size(), std::size_t(20));
  }
  // The policies acted differently, from the same beginning.
  QVERIFY(f.world->commands[0] != f.world->commands[1]);
  // The fake has no sizes: layers are counted.
  QVERIFY(f.race.saving() && f.race.saving()->in_layers);
  QCOMPARE(f.race.saving()->times, layers / 2.0);
}

void RaceTest::the_faster_one_waits_at_the_end() {
  RaceFixture f;
  f.world->done_after[1] = 8;
  f.race.start(f.setup(1));
  QVERIFY(f.finish());
  QCOMPARE(f.race.lane(0).steps, 20);
  QCOMPARE(f.race.lane(1).steps, 8);
  // A step is one thing, the whole task another.
  QCOMPARE(f.race.saving()->times, f.race.model()->layers / 2.0);
  QCOMPARE(f.race.saving()->total_times, f.race.model()->layers / 2.0 * 20 / 8);
}

void RaceTest::equal_policies_save_nothing() {
  RaceFixture f;
  f.race.start(f.setup(std::nullopt));
  QVERIFY(f.finish());
  QCOMPARE(f.race.saving()->times, 1.0);
  QVERIFY(f.world->commands[0] == f.world->commands[1]);
}

void RaceTest::a_failure_is_told() {
  RaceFixture f;
  f.world->done_after[1] = 0;
  f.world->failed_after = 30;
  f.race.start(f.setup(1));
  QVERIFY(f.finish());
  QCOMPARE(f.race.lane(0).state, RaceLane::State::done);
  QCOMPARE(f.race.lane(1).state, RaceLane::State::failed);
  QCOMPARE(f.race.lane(1).steps, 30);
}

void RaceTest::what_cannot_be_scored_ends() {
  RaceFixture f;
  f.world->scored = false;
  f.race.start(f.setup(1));
  QVERIFY(f.finish());
  QCOMPARE(f.race.lane(0).state, RaceLane::State::stopped);
  QCOMPARE(f.race.lane(0).steps, Race::kMostSteps);
}

void RaceTest::a_policy_changes_while_it_runs() {
  RaceFixture f;
  f.world->done_after[0] = f.world->done_after[1] = 0;  // until it is stopped
  f.race.start(f.setup(std::nullopt));
  QTRY_VERIFY_WITH_TIMEOUT(f.race.lane(1).steps > 5, kRacePatienceMs);
  const int layers = f.race.model()->layers;
  QCOMPARE(f.race.lane(1).depth, layers);
  f.race.set_policy(1, policy_of(1));
  QTRY_COMPARE_WITH_TIMEOUT(f.race.lane(1).depth, 2, kRacePatienceMs);
  QCOMPARE(f.race.lane(0).depth, layers);
  f.race.stop();
  // The next race has the policies that it is given.
  f.race.set_policy(1, policy_of(1));
  f.race.start(f.setup(std::nullopt));
  QTRY_VERIFY_WITH_TIMEOUT(f.race.lane(1).steps > 5, kRacePatienceMs);
  QCOMPARE(f.race.lane(1).depth, layers);
  f.race.stop();
}

void RaceTest::stopping_does_not_wait() {
  RaceFixture f;
  f.control->block_steps = true;
  f.race.start(f.setup(1));
  QTRY_VERIFY_WITH_TIMEOUT(f.control->waiting > 0, kRacePatienceMs);
  QElapsedTimer timer;
  timer.start();
  f.race.stop();
  QVERIFY(f.race.state() == Race::State::idle);
  QCOMPARE(f.race.lane(0).state, RaceLane::State::stopped);
  QTRY_COMPARE_WITH_TIMEOUT(f.control->waiting.load(), 0, kRacePatienceMs);
  QTest::qWait(50);
  QVERIFY(f.race.state() == Race::State::idle && f.problems.empty());
}

void RaceTest::a_new_race_takes_the_place_of_the_old() {
  RaceFixture f;
  f.control->block_steps = true;
  f.race.start(f.setup(1));
  QTRY_VERIFY_WITH_TIMEOUT(f.control->waiting > 0, kRacePatienceMs);
  f.control->block_steps = false;
  f.race.start(f.setup(3));
  QVERIFY(f.finish());
  QCOMPARE(f.race.lane(1).depth, 4);
  QCOMPARE(f.race.lane(1).steps, 20);
}

void RaceTest::what_cannot_be_opened_is_told() {
  RaceFixture f;
  auto bad = f.setup(1);
  bad.model = "/models/bad";
  f.race.start(bad);
  QTRY_VERIFY_WITH_TIMEOUT(f.race.state() == Race::State::failed, kRacePatienceMs);
  QCOMPARE(f.problems.size(), std::size_t(1));
  QVERIFY(f.problems[0].details.contains("bad"));
  f.world->fails = true;
  f.race.start(f.setup(1));
  QTRY_COMPARE_WITH_TIMEOUT(f.problems.size(), std::size_t(2), kRacePatienceMs);
  QCOMPARE(f.problems[1].details, QString("the world has no light"));
}

}  // namespace deer::test

DEER_SUITE(deer::test::RaceTest)
#include "tst_race.moc"
