// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>

#include "core/budget/frame_steps.h"
#include "core/exits/exit_policy.h"
#include "tests/support/action_edits.h"
#include "tests/support/suite.h"

using namespace deer;

namespace {

const std::vector<int> kLayers{1, 3, 5};

/// A probe run of three exits that left at exit 2.
FrameRecord probe_run() {
  FrameRecord record;
  record.mode = RunMode::probe;
  record.prompt_tokens = 13;
  record.exit_layer = 3;
  record.exit_index = 1;
  record.reason = ExitReason::within_threshold;
  record.predecessor.feature = {1, 0};
  for (int i = 0; i < 3; ++i) {
    ExitProbe probe;
    probe.layer = kLayers[static_cast<std::size_t>(i)];
    probe.feature = {1, static_cast<float>(i + 1)};
    probe.action = test::filled_action(0.1F * static_cast<float>(i), i < 2 ? 0.2F : 0.9F);
    probe.delta = 0.3F / static_cast<float>(i + 1);
    probe.evaluated_by_policy = i < 2;
    record.exits.push_back(probe);
  }
  record.times = {1, 10, 2, 6, 5};
  return record;
}

ExitPolicy policy() {
  ExitPolicy out;
  out.thresholds = {0.1, 0.2, 0.3};
  return out;
}

}  // namespace

class FrameStepsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void decisions_and_values();
  void costs_so_far();
  void a_policy_run_knows_its_own_time();
  void other_reasons();
};

void FrameStepsTest::decisions_and_values() {
  const auto steps = frame_steps(probe_run(), kLayers, policy(), nullptr);
  QCOMPARE(steps.size(), std::size_t(3));
  QCOMPARE(steps[0].decision, ExitDecision::went_on);
  QCOMPARE(steps[1].decision, ExitDecision::left);
  QCOMPARE(steps[2].decision, ExitDecision::not_reached);
  QCOMPARE(steps[0].change, 1.0);                 // (1, 0) to (1, 1)
  QCOMPARE(steps[1].change, 1 / std::sqrt(2.0));  // (1, 1) to (1, 2)
  QCOMPARE(float(steps[0].threshold), 0.1F);
  QCOMPARE(float(steps[1].delta), 0.15F);
  QVERIFY(std::abs(steps[0].next_difference - 0.1) < 1e-6);
  QVERIFY(!steps[0].next_turns_gripper && steps[1].next_turns_gripper);
  QVERIFY(std::isnan(steps[2].next_difference));
  QVERIFY(std::isnan(steps[0].llm_gflops));
  auto cut = policy();
  cut.max_layer = 4;
  QCOMPARE(frame_steps(probe_run(), kLayers, cut, nullptr)[2].decision, ExitDecision::beyond);
}

void FrameStepsTest::costs_so_far() {
  ModelConfig config;
  config.decoder.layers = 6;
  const CostModel model(config);
  const auto steps = frame_steps(probe_run(), kLayers, policy(), &model);
  for (std::size_t i = 0; i < 3; ++i) {
    QCOMPARE(steps[i].llm_gflops, model.llm_gflops(kLayers[i], 13));
    // The layer before the first exit, a probe each, and the run that keeps the state.
    QCOMPARE(steps[i].total_gflops, model.total_gflops(kLayers[i], 13, static_cast<int>(i) + 3));
  }
  // 13 ms before the decoder, then a third of its 6 ms and 3 of the head's 5 runs.
  QVERIFY(std::abs(steps[0].total_ms - (13 + 2 + 3)) < 1e-9);
  QVERIFY(std::abs(steps[2].total_ms - 24) < 1e-9);
  QVERIFY(!steps[0].ms_measured);
}

void FrameStepsTest::a_policy_run_knows_its_own_time() {
  auto record = probe_run();
  record.mode = RunMode::policy;
  record.exits.pop_back();
  const auto steps = frame_steps(record, kLayers, policy(), nullptr);
  QVERIFY(steps[1].ms_measured && !steps[0].ms_measured);
  QCOMPARE(steps[1].total_ms, 24.0);
  QVERIFY(std::isnan(steps[2].total_ms));
  QVERIFY(!steps[2].evaluated && std::isnan(steps[2].change));
}

void FrameStepsTest::other_reasons() {
  auto record = probe_run();
  record.reason = ExitReason::fixed;
  for (auto& probe : record.exits) probe.evaluated_by_policy = false;
  ExitPolicy fixed;
  fixed.criterion = Criterion::fixed_exit;
  fixed.fixed_layer = 3;
  const CostModel model{ModelConfig()};
  auto steps = frame_steps(record, kLayers, fixed, &model);
  QCOMPARE(steps[0].decision, ExitDecision::passed);
  QVERIFY(std::isnan(steps[0].threshold));
  QCOMPARE(steps[1].total_gflops, model.total_gflops(3, 13, 1));
  record.times = {0, 0, 0, 0, 1};  // replayed
  QVERIFY(std::isnan(frame_steps(record, kLayers, fixed, &model)[1].total_ms));
  record.reason = ExitReason::repeated;
  steps = frame_steps(record, kLayers, fixed, &model);
  QVERIFY(std::isnan(steps[0].llm_gflops) && std::isnan(steps[0].total_ms));
  // Nothing at all is known of an empty record.
  QCOMPARE(frame_steps(FrameRecord{}, kLayers, fixed, nullptr).size(), std::size_t(3));
}

DEER_SUITE(FrameStepsTest)
#include "tst_frame_steps.moc"
