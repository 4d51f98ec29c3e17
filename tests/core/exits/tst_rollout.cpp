// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <random>

#include "core/base/error.h"
#include "core/exits/criterion.h"
#include "core/exits/rollout.h"
#include "core/model/model_loader.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

const std::vector<int> kExits{1, 3, 5};
constexpr int kSteps = 24;

// Random features: whatever they mean, the rollout must treat them alike in every mode.
class RandomFeatures final : public FeatureSource {
 public:
  explicit RandomFeatures(int step) {
    std::mt19937 random(static_cast<unsigned>(step));
    std::normal_distribution<float> normal(0, 1);
    auto values = at::empty({32}, at::kFloat);
    for (int i = 0; i < 32; ++i) values.data_ptr<float>()[i] = normal(random);
    for (int layer = 0; layer < 6; ++layer) {
      // Neighbouring layers resemble each other, the more the deeper.
      auto change = at::empty({32}, at::kFloat);
      for (int i = 0; i < 32; ++i) change.data_ptr<float>()[i] = normal(random) / static_cast<float>(1 + layer);
      values = values + change;
      by_layer_.push_back(values.unsqueeze(0));
    }
  }
  at::Tensor pooled(int layer) override {
    deepest_ = std::max(deepest_, layer);
    return by_layer_.at(static_cast<std::size_t>(layer));
  }
  int deepest() const { return deepest_; }

 private:
  std::vector<at::Tensor> by_layer_;
  int deepest_ = -1;
};

class FailingFeatures final : public FeatureSource {
 public:
  explicit FailingFeatures(int layer) : layer_(layer) {}
  at::Tensor pooled(int layer) override {
    if (layer >= layer_) throw Cancelled();
    return at::randn({1, 32});
  }

 private:
  int layer_;
};

}  // namespace

class RolloutTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void deltas();
  void probe_mode_decides_as_policy_mode_data();
  void probe_mode_decides_as_policy_mode();
  void a_replay_equals_the_run_data();
  void a_replay_equals_the_run();
  void thresholds_decide_inclusively();
  void a_budget_caps_the_depth();
  void stages_hold_the_exit();
  void executions_repeat_the_prediction();
  void refresh_forgets();
  void time_step_deepens();
  void a_failed_step_changes_nothing();
  void names_round_trip();
  void policies_that_do_not_fit_data();
  void policies_that_do_not_fit();

 private:
  std::vector<FrameRecord> run(const ExitPolicy& policy, RunMode mode) const;
  static ExitPolicy dynamic_policy();

  std::unique_ptr<MultiExitModel> model_;
};

void RolloutTest::initTestCase() {
  model_ = load_model(open_model_files(fs::path(DEER_TEST_DATA) / "reference" / "tiny_mpt1b")).model;
  QCOMPARE(model_->exit_layers(), kExits);
}

ExitPolicy RolloutTest::dynamic_policy() {
  ExitPolicy policy;
  policy.thresholds = {0.03, 0.05, kAlwaysLeave};
  return policy;
}

std::vector<FrameRecord> RolloutTest::run(const ExitPolicy& policy, RunMode mode) const {
  Rollout rollout(*model_);
  rollout.set_policy(policy);
  std::vector<FrameRecord> out;
  for (int step = 0; step < kSteps; ++step) {
    RandomFeatures features(step);
    out.push_back(rollout.step(features, mode));
    if (mode == RunMode::policy && policy.executions == 1) {
      // Early exit is real: nothing deeper was asked for.
      if (features.deepest() != out.back().exit_layer) throw std::runtime_error("asked for a layer beyond the exit");
    }
  }
  return out;
}

void RolloutTest::deltas() {
  const std::array<float, 6> a{1, 0, 0, 0, 0, 0};
  const std::array<float, 6> b{0, 0, 0, 0, 0, 2};
  QCOMPARE(action_delta(DeltaType::l2, a, b), std::sqrt(5.0F / 6.0F));
  QCOMPARE(action_delta(DeltaType::mean, a, b), 0.5F);
  QCOMPARE(action_delta(DeltaType::max, a, b), 2.0F);
  QCOMPARE(action_delta(DeltaType::cosine, a, b), 1.0F);
  QCOMPARE(action_delta(DeltaType::cosine, a, a), 0.0F);
  const std::array<float, 6> zero{};
  QCOMPARE(action_delta(DeltaType::cosine, zero, a), 1.0F);  // norms are clamped, no division by zero
}

void RolloutTest::probe_mode_decides_as_policy_mode_data() {
  QTest::addColumn<int>("variant");
  const char* names[] = {"L2",          "mean",     "cosine", "features",  "stages of 3",
                         "max layer 4", "ensemble", "fixed",  "time step", "greater than"};
  for (int i = 0; i < 10; ++i) QTest::newRow(names[i]) << i;
}

static ExitPolicy variant_of(ExitPolicy policy, int variant) {
  switch (variant) {
    case 1:
      policy.delta_type = DeltaType::mean;
      break;
    case 2:
      policy.delta_type = DeltaType::cosine;
      break;
    case 3:
      policy.criterion = Criterion::feature_similarity;
      policy.thresholds = {0.3, 0.1, kAlwaysLeave};
      break;
    case 4:
      policy.steps_per_stage = 3;
      break;
    case 5:
      policy.max_layer = 4;
      break;
    case 6:
      policy.action_ensemble = true;
      break;
    case 7:
      policy.criterion = Criterion::fixed_exit;
      policy.fixed_layer = 3;
      break;
    case 8:
      policy.criterion = Criterion::time_step;
      policy.steps_per_exit = 5;
      break;
    case 9:
      policy.leq = false;
      break;
    default:
      break;
  }
  return policy;
}

void RolloutTest::probe_mode_decides_as_policy_mode() {
  QFETCH(const int, variant);
  const auto policy = variant_of(dynamic_policy(), variant);
  const auto really = run(policy, RunMode::policy);
  const auto probed = run(policy, RunMode::probe);
  for (int i = 0; i < kSteps; ++i) {
    const auto& a = really[static_cast<std::size_t>(i)];
    const auto& b = probed[static_cast<std::size_t>(i)];
    QCOMPARE(b.exit_layer, a.exit_layer);
    QCOMPARE(b.reason, a.reason);
    QCOMPARE(b.command, a.command);
    QCOMPARE(b.action, a.action);
    QCOMPARE(b.exits.size(), kExits.size());
    for (const auto& exit : b.exits) QCOMPARE(exit.feature.size(), std::size_t{32});
  }
}

void RolloutTest::a_replay_equals_the_run_data() { probe_mode_decides_as_policy_mode_data(); }

void RolloutTest::a_replay_equals_the_run() {
  QFETCH(const int, variant);
  // Recorded under one policy, replayed under another, compared with running that one.
  const auto recorded = run(dynamic_policy(), RunMode::probe);
  const auto policy = variant_of(dynamic_policy(), variant);
  const auto really = run(policy, RunMode::policy);
  Rollout rollout(*model_);
  rollout.set_policy(policy);
  for (int i = 0; i < kSteps; ++i) {
    RecordedFeatures features(recorded[static_cast<std::size_t>(i)], at::kCPU);
    const auto replayed = rollout.step(features, RunMode::policy);
    QCOMPARE(replayed.exit_layer, really[static_cast<std::size_t>(i)].exit_layer);
    QCOMPARE(replayed.action, really[static_cast<std::size_t>(i)].action);
  }
}

void RolloutTest::thresholds_decide_inclusively() {
  auto policy = dynamic_policy();
  policy.thresholds = {kNeverLeave, kNeverLeave, kAlwaysLeave};
  const auto deep = run(policy, RunMode::policy);
  QCOMPARE(deep[0].exit_layer, 5);
  QCOMPARE(deep[0].reason, ExitReason::within_threshold);
  // A threshold equal to the delta leaves.
  policy.thresholds[0] = static_cast<double>(deep[0].exits[0].delta);
  QCOMPARE(run(policy, RunMode::policy)[0].exit_layer, 1);
  policy.thresholds[0] = static_cast<double>(std::nextafter(deep[0].exits[0].delta, 0.0F));
  QCOMPARE(run(policy, RunMode::policy)[0].exit_layer, 5);
}

void RolloutTest::a_budget_caps_the_depth() {
  auto policy = dynamic_policy();
  policy.thresholds = {kNeverLeave, kNeverLeave};
  policy.max_layer = 4;
  for (const auto& record : run(policy, RunMode::policy)) {
    QCOMPARE(record.exit_layer, 3);
    QCOMPARE(record.reason, ExitReason::deepest_allowed);
  }
  policy.max_layer = 5;  // no exit after layer 4: the one below
  QCOMPARE(run(policy, RunMode::policy)[0].exit_layer, 3);
}

void RolloutTest::stages_hold_the_exit() {
  auto policy = dynamic_policy();
  policy.steps_per_stage = 4;
  const auto records = run(policy, RunMode::policy);
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i % 4 == 0) {
      QVERIFY(records[i].reason != ExitReason::held);
    } else {
      QCOMPARE(records[i].reason, ExitReason::held);
      QCOMPARE(records[i].exit_layer, records[i - i % 4].exit_layer);
    }
  }
}

void RolloutTest::executions_repeat_the_prediction() {
  auto policy = dynamic_policy();
  policy.executions = 3;
  Rollout rollout(*model_);
  rollout.set_policy(policy);
  ActionValues command;
  for (int step = 0; step < 9; ++step) {
    const auto state_before = rollout.state().h;
    RandomFeatures features(step);
    const auto record = rollout.step(features, RunMode::policy);
    if (step % 3 == 0) {
      command = record.command;
      continue;
    }
    QCOMPARE(record.reason, ExitReason::repeated);
    QCOMPARE(record.command, command);
    QCOMPARE(features.deepest(), -1);  // the network was not called
    QVERIFY(rollout.state().h.is_same(state_before));
  }
}

void RolloutTest::refresh_forgets() {
  auto policy = dynamic_policy();
  policy.refresh_every = 6;
  const auto refreshed = run(policy, RunMode::policy);
  Rollout fresh(*model_);
  fresh.set_policy(policy);
  RandomFeatures features(6);
  const auto first = fresh.step(features, RunMode::policy);
  QCOMPARE(refreshed[6].action, first.action);
  QVERIFY(run(dynamic_policy(), RunMode::policy)[6].action != first.action);
}

void RolloutTest::time_step_deepens() {
  auto policy = dynamic_policy();
  policy.criterion = Criterion::time_step;
  policy.steps_per_exit = 5;
  const auto records = run(policy, RunMode::policy);
  QCOMPARE(records[0].exit_layer, 1);
  QCOMPARE(records[5].exit_layer, 3);
  QCOMPARE(records[23].exit_layer, 5);
}

void RolloutTest::a_failed_step_changes_nothing() {
  for (const auto mode : {RunMode::policy, RunMode::probe}) {
    auto policy = dynamic_policy();
    policy.thresholds = {kNeverLeave, kNeverLeave, kAlwaysLeave};
    Rollout disturbed(*model_);
    Rollout quiet(*model_);
    disturbed.set_policy(policy);
    quiet.set_policy(policy);
    for (int step = 0; step < 6; ++step) {
      FailingFeatures failing(3);
      QVERIFY_THROWS_EXCEPTION(Cancelled, disturbed.step(failing, mode));
      RandomFeatures a(step);
      RandomFeatures b(step);
      QCOMPARE(disturbed.step(a, mode).action, quiet.step(b, mode).action);
    }
  }
  // Nor on a frame that begins with an empty state.
  auto policy = dynamic_policy();
  policy.refresh_every = 1;
  Rollout refreshed(*model_);
  refreshed.set_policy(policy);
  RandomFeatures features(1);
  refreshed.step(features, RunMode::policy);
  QVERIFY(!refreshed.state().empty());
  FailingFeatures failing(0);
  QVERIFY_THROWS_EXCEPTION(Cancelled, refreshed.step(failing, RunMode::policy));
  QVERIFY(!refreshed.state().empty());
}

void RolloutTest::names_round_trip() {
  for (const auto type : {DeltaType::l2, DeltaType::mean, DeltaType::max, DeltaType::cosine})
    QCOMPARE(parse_delta_type(to_string(type)), type);
  for (const auto c :
       {Criterion::action_delta, Criterion::feature_similarity, Criterion::time_step, Criterion::fixed_exit}) {
    QCOMPARE(parse_criterion(to_string(c)), c);
  }
  QVERIFY_THROWS_EXCEPTION(Error, parse_delta_type("euclid"));
}

void RolloutTest::policies_that_do_not_fit_data() {
  QTest::addColumn<int>("which");
  QTest::addColumn<QString>("says");
  QTest::newRow("too few thresholds") << 0 << "1 thresholds given, expected 3";
  QTest::newRow("too many thresholds") << 1 << "4 thresholds given, expected 3";
  QTest::newRow("not a number") << 2 << "not a number";
  QTest::newRow("a budget without exits") << 3 << "allows no exit";
  QTest::newRow("a layer that is not there") << 4 << "layer 6 does not exist";
  QTest::newRow("stages of nothing") << 5 << "steps per stage is 0";
  QTest::newRow("an own head where none is") << 6 << "has no head of its own";
  QTest::newRow("ensemble with stages") << 7 << "every step";
  QTest::newRow("an own head without a fixed exit") << 8 << "fixed exit";
  QTest::newRow("a fixed exit beyond the budget") << 9 << "beyond max layer 4";
}

void RolloutTest::policies_that_do_not_fit() {
  QFETCH(const int, which);
  QFETCH(const QString, says);
  auto policy = dynamic_policy();
  if (which == 0) policy.thresholds = {0.1};
  if (which == 1) policy.thresholds = {0.1, 0.1, 0.1, 0.1};
  if (which == 2) policy.thresholds[1] = std::nan("");
  if (which == 3) policy.max_layer = 1;
  if (which == 4 || which == 6) policy.criterion = Criterion::fixed_exit;
  if (which == 4) policy.fixed_layer = 6;
  if (which == 5) policy.steps_per_stage = 0;
  if (which == 6) {
    policy.fixed_layer = 2;
    policy.use_own_head = true;
  }
  if (which == 7) {
    policy.action_ensemble = true;
    policy.steps_per_stage = 2;
  }
  if (which == 8) policy.use_own_head = true;
  if (which == 9) {
    policy.criterion = Criterion::fixed_exit;
    policy.fixed_layer = 5;
    policy.max_layer = 4;
  }
  Rollout rollout(*model_);
  rollout.set_policy(dynamic_policy());
  const auto message = test::error_of([&] { rollout.set_policy(policy); });
  QVERIFY2(QString::fromStdString(message).contains(says), message.c_str());
  QCOMPARE(rollout.policy(), dynamic_policy());
}

DEER_SUITE(RolloutTest)
#include "tst_rollout.moc"
