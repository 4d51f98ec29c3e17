// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "core/base/error.h"
#include "core/exits/criterion.h"
#include "core/exits/recorded_replay.h"
#include "tests/support/suite.h"
#include "tests/support/two_arm_trace.h"

using namespace deer;

namespace {

constexpr std::int64_t kFrames = 40;

ModelSummary summary() {
  const auto m = test::two_arm_metadata();
  ModelSummary out;
  out.exit_layers = m.exit_layers;
  out.layers = m.layers;
  out.layout = m.layout;
  return out;
}

ExitPolicy policy(double threshold) {
  ExitPolicy out;
  out.thresholds.assign(test::kChunkExits, threshold);
  out.thresholds.back() = kAlwaysLeave;
  return out;
}

std::vector<FrameRecordPtr> recorded() {
  std::vector<FrameRecordPtr> out;
  const auto m = test::two_arm_metadata();
  for (std::int64_t i = 0; i < kFrames; ++i) {
    out.push_back(std::make_shared<const FrameRecord>(test::two_arm_record(m, i)));
  }
  return out;
}

}  // namespace

// Replays without a model: other policies choose among the actions that were recorded at each exit.
class RecordedReplayTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void distances_take_all_but_grippers_over_all_steps();
  void the_recorded_policy_gives_what_was_recorded();
  void other_thresholds_choose_other_exits();
  void all_ways_to_replay_agree();
  void frames_are_forced();
  void other_deltas_are_computed_from_actions();
  void an_ensemble_is_the_mean_of_both_actions();
  void predictions_are_repeated();
  void frames_without_their_deeper_exits();
  void what_cannot_be_done_is_refused();
};

void RecordedReplayTest::distances_take_all_but_grippers_over_all_steps() {
  const auto layout = test::two_arm_layout(2);
  std::vector<float> a(28, 0), b(28, 0);
  b[6] = 1;  // grippers do not count
  b[13] = 1;
  b[27] = 1;
  const auto delta = [&](DeltaType type) { return action_delta(type, *layout, ActionValues(a), ActionValues(b)); };
  QCOMPARE(delta(DeltaType::l2), 0.0F);
  b[0] = 0.5F;
  b[14] = -0.5F;  // the same joint, one step later
  QCOMPARE(delta(DeltaType::l2), static_cast<float>(std::sqrt(0.5 / 24)));
  QCOMPARE(delta(DeltaType::max), 0.5F);
  QCOMPARE(delta(DeltaType::mean), static_cast<float>(1.0 / 24));
  // A recorded action of one step is compared with the first.
  std::vector<double> one(14, 0);
  one[1] = 0.6;
  QCOMPARE(recorded_delta(DeltaType::l2, *layout, ActionValues(a), one), static_cast<float>(std::sqrt(0.36 / 12)));
  QVERIFY(std::isnan(recorded_delta(DeltaType::l2, *layout, ActionValues(a), std::vector<double>(7, 0))));
  QVERIFY(std::isnan(action_delta(DeltaType::l2, *layout, ActionValues(a), ActionValues())));
  // DeeR's are the six arm values, as ever.
  const auto x = deer_action(std::array<float, 6>{0.1F, 0.2F, 0.3F, 0, -0.5F, 1}, 0.9F);
  const auto y = deer_action(std::array<float, 6>{0.3F, -0.2F, 0.1F, 0.7F, 0, 1}, 0.1F);
  for (const auto type : {DeltaType::l2, DeltaType::mean, DeltaType::max, DeltaType::cosine}) {
    QCOMPARE(action_delta(type, *ActionLayout::deer(), x, y),
             action_delta(type, std::span<const float, 6>(x.data(), 6), std::span<const float, 6>(y.data(), 6)));
  }
}

void RecordedReplayTest::the_recorded_policy_gives_what_was_recorded() {
  const auto frames = recorded();
  const auto engine = make_recorded_engine(summary(), policy(0.012));
  const auto replayed = engine->replay(frames, policy(0.012));
  QCOMPARE(replayed.size(), frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    QCOMPARE(replayed[i]->frame, frames[i]->frame);
    QCOMPARE(replayed[i]->exit_layer, frames[i]->exit_layer);
    QVERIFY(replayed[i]->reason == frames[i]->reason);
    QVERIFY(replayed[i]->action == frames[i]->action && replayed[i]->command == frames[i]->command);
    QVERIFY(*replayed[i]->layout == *frames[i]->layout);
    QCOMPARE(replayed[i]->times.llm_ms, frames[i]->times.llm_ms);
    for (std::size_t exit = 0; exit < test::kChunkExits; ++exit) {
      QCOMPARE(replayed[i]->exits[exit].delta, frames[i]->exits[exit].delta);
      QCOMPARE(replayed[i]->exits[exit].evaluated_by_policy, frames[i]->exits[exit].evaluated_by_policy);
    }
  }
}

void RecordedReplayTest::other_thresholds_choose_other_exits() {
  const auto frames = recorded();
  const auto engine = make_recorded_engine(summary(), policy(0.012));
  int moved = 0;
  for (const double threshold : {0.003, 0.05}) {
    const auto replayed = engine->replay(frames, policy(threshold));
    for (std::size_t i = 0; i < frames.size(); ++i) {
      int expected = 0;
      while (expected + 1 < test::kChunkExits &&
             frames[i]->exits[static_cast<std::size_t>(expected)].delta > static_cast<float>(threshold)) {
        ++expected;
      }
      QCOMPARE(replayed[i]->exit_index, expected);
      QVERIFY(replayed[i]->action == frames[i]->exits[static_cast<std::size_t>(expected)].action);
      QCOMPARE(replayed[i]->exits[0].threshold, static_cast<float>(threshold));
      moved += replayed[i]->exit_index != frames[i]->exit_index ? 1 : 0;
    }
  }
  QVERIFY(moved > kFrames);
}

void RecordedReplayTest::all_ways_to_replay_agree() {
  const auto frames = recorded();
  const auto engine = make_recorded_engine(summary(), policy(0.012));
  const std::vector<ExitPolicy> policies{policy(0.003), policy(0.05)};
  std::vector<std::vector<FrameRecordPtr>> many(2, std::vector<FrameRecordPtr>(frames.size()));
  engine->replay_many(ReplayFrames::of(frames), policies,
                      [&](std::size_t number, std::int64_t place, FrameRecordPtr r) {
                        many[number][static_cast<std::size_t>(place)] = std::move(r);
                      });
  const auto replayer = engine->replayer(ReplayFrames::of(frames));
  for (std::size_t number = 0; number < policies.size(); ++number) {
    const auto one = engine->replay(frames, policies[number]);
    const auto& updated = replayer->update(policies[number]);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      QCOMPARE(many[number][i]->exit_layer, one[i]->exit_layer);
      QCOMPARE(updated[i]->exit_layer, one[i]->exit_layer);
      QVERIFY(updated[i]->action == one[i]->action);
    }
  }
}

void RecordedReplayTest::frames_are_forced() {
  const auto frames = recorded();
  const auto engine = make_recorded_engine(summary(), policy(0.012));
  auto forced = policy(0.012);
  forced.forced_layers[7] = 19;
  const auto replayed = engine->replay(frames, forced);
  QCOMPARE(replayed[7]->exit_index, 9);
  QVERIFY(replayed[7]->reason == ExitReason::forced);
  QVERIFY(replayed[7]->action == frames[7]->exits[9].action);
  // The history is not modelled: what follows stays as it was.
  QVERIFY(replayed[8]->action == frames[8]->action);
}

void RecordedReplayTest::other_deltas_are_computed_from_actions() {
  const auto frames = recorded();
  const auto engine = make_recorded_engine(summary(), policy(0.012));
  auto by_max = policy(0.02);
  by_max.delta_type = DeltaType::max;
  const auto replayed = engine->replay(frames, by_max);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto& exits = frames[i]->exits;
    QCOMPARE(replayed[i]->exits[3].delta,
             action_delta(DeltaType::max, *frames[i]->layout, exits[3].action, exits[2].action));
  }
  auto by_feature = policy(0.02);
  by_feature.criterion = Criterion::feature_similarity;
  QVERIFY_THROWS_EXCEPTION(Error, (void)engine->replay(frames, by_feature));  // there are no features
}

void RecordedReplayTest::an_ensemble_is_the_mean_of_both_actions() {
  const auto frames = recorded();
  const auto engine = make_recorded_engine(summary(), policy(0.012));
  auto both = policy(0.012);
  both.action_ensemble = true;
  const auto replayed = engine->replay(frames, both);
  const auto exit = static_cast<std::size_t>(replayed[5]->exit_index);
  QVERIFY(exit > 0);
  for (const std::size_t place : {0U, 6U, 111U}) {
    QCOMPARE(replayed[5]->command[place],
             (frames[5]->exits[exit].action[place] + frames[5]->exits[exit - 1].action[place]) / 2);
  }
}

void RecordedReplayTest::predictions_are_repeated() {
  const auto frames = recorded();
  const auto engine = make_recorded_engine(summary(), policy(0.012));
  auto twice = policy(0.012);
  twice.executions = 2;
  const auto replayed = engine->replay(frames, twice);
  QVERIFY(replayed[4]->reason != ExitReason::repeated && replayed[5]->reason == ExitReason::repeated);
  QVERIFY(replayed[5]->action == replayed[4]->action && !(replayed[5]->action == frames[5]->action));
}

void RecordedReplayTest::frames_without_their_deeper_exits() {
  auto frames = recorded();
  auto short_one = *frames[3];
  short_one.mode = RunMode::policy;
  short_one.exits.resize(static_cast<std::size_t>(short_one.exit_index) + 1);
  frames[3] = std::make_shared<const FrameRecord>(short_one);
  const auto engine = make_recorded_engine(summary(), policy(0.012));
  const auto deep = engine->replay(frames, policy(kNeverLeave));
  QCOMPARE(deep[2]->exit_index, 9);
  QCOMPARE(deep[3]->exit_index, short_one.exit_index);
  QVERIFY(deep[3]->mode == RunMode::policy);
  auto forced = policy(0.012);
  forced.forced_layers[3] = 19;
  QVERIFY_THROWS_EXCEPTION(Error, (void)engine->replay(frames, forced));
  // Without any exit a frame keeps what it did.
  short_one.exits.clear();
  frames[3] = std::make_shared<const FrameRecord>(short_one);
  QVERIFY(engine->replay(frames, policy(kNeverLeave))[3]->action == short_one.action);
}

void RecordedReplayTest::what_cannot_be_done_is_refused() {
  const auto frames = recorded();
  const auto engine = make_recorded_engine(summary(), policy(0.012));
  QVERIFY_THROWS_EXCEPTION(Error, (void)engine->step({}, RunMode::probe));
  auto few = policy(0.012);
  few.thresholds.resize(3);
  QVERIFY_THROWS_EXCEPTION(Error, (void)engine->replay(frames, few));
  QVERIFY_THROWS_EXCEPTION(Error, engine->set_policy(few));
  std::stop_source stop;
  stop.request_stop();
  QVERIFY_THROWS_EXCEPTION(Cancelled,
                           (void)engine->replayer(ReplayFrames::of(frames))->update(policy(0.1), stop.get_token()));
}

DEER_SUITE(RecordedReplayTest)
#include "tst_recorded_replay.moc"
