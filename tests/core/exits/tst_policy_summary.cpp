// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>

#include "core/exits/policy_json.h"
#include "core/exits/policy_summary.h"
#include "tests/support/action_edits.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;

namespace {

ExitProbe probe_at(int layer, float delta, float threshold, float x, bool by_policy = true) {
  ExitProbe probe;
  probe.layer = layer;
  probe.delta = delta;
  probe.threshold = threshold;
  probe.action = deer_action(std::array<float, 6>{x}, x);
  probe.evaluated_by_policy = by_policy;
  return probe;
}

FrameRecord record_of(std::int64_t frame, int layer, float x) {
  FrameRecord record;
  record.frame = frame;
  record.exit_layer = layer;
  record.exit_index = (layer - 1) / 2;
  record.action = deer_action(std::array<float, 6>{x}, 0);
  record.command = deer_action(std::array<float, 6>{x}, x > 0.5F ? 1.0F : -1.0F);
  return record;
}

}  // namespace

class PolicySummaryTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void adds_up();
  void nothing_to_add_up();
  void an_ensembles_action_is_the_one_sent();
  void policies_as_json();
};

void PolicySummaryTest::adds_up() {
  FrameCosts costs;
  costs.taken = [](const FrameRecord& r) { return 10.0 * r.depth(); };
  costs.full = [](const FrameRecord&) { return 60.0; };
  PolicySummaryBuilder builder({1, 3, 5}, costs, 0.1);

  auto a = record_of(7, 1, 0.25F);  // values that half precision holds
  a.exits = {probe_at(1, 0.95F, 1.0F, 0.25F), probe_at(3, 2, 1, 0.5F, false), probe_at(5, 2, 1e8F, 0.75F, false)};
  builder.add(a, std::array<double, 7>{0.5, 0, 0, 0, 0, 0, -1});
  auto b = record_of(8, 5, 1.0F);
  b.exits = {probe_at(1, 1.11F, 1.0F, 0), probe_at(3, 1.5F, 1.0F, 0), probe_at(5, 0.5F, 1e8F, 1.0F)};
  builder.add(b, std::array<double, 7>{1, 0, 0, 0, 0, 0, -1});
  auto c = record_of(9, 2, 0);  // no exit; nothing probed; repeated
  c.exit_index = -1;
  c.reason = ExitReason::repeated;
  builder.add(c);

  const auto& s = builder.summary();
  QCOMPARE(s.frames, 3);
  QCOMPARE(s.frames_by_exit, (std::vector<std::int64_t>{1, 0, 1}));
  QCOMPARE(s.frames_elsewhere, 1);
  QCOMPARE(s.frames_repeated, 1);
  QCOMPARE(s.depth.mean(), (2 + 6 + 3) / 3.0);
  QCOMPARE(s.depth.peak, 6.0);
  QCOMPARE(s.cost.mean(), 110 / 3.0);
  QCOMPARE(s.cost.peak, 60.0);
  QCOMPARE(s.saving(), 1 - 110 / 180.0);
  QCOMPARE(s.error_to_deepest.count, 2);
  QCOMPARE(static_cast<float>(s.error_to_deepest.peak), std::sqrt(0.25F / 6));
  QCOMPARE(static_cast<float>(s.error_to_deepest.mean()), std::sqrt(0.25F / 6) / 2);
  QCOMPARE(static_cast<float>(s.error_to_recorded.peak), std::sqrt(0.0625F / 6));
  QCOMPARE(s.gripper_differs_from_deepest, 1);   // 0.25 closes, 0.75 opens
  QCOMPARE(s.gripper_differs_from_recorded, 1);  // 1.0 opens, the recording closes
  // 0.95 lies within a tenth of 1, 1.11 and 0.5 do not; 1e8 is no threshold.
  QCOMPARE(s.close_frames, (std::vector<std::int64_t>{7}));
  QCOMPARE(s.close_count, 1);
  const auto json = to_json(s);
  QCOMPARE(json.at("frames_by_exit_layer").at("5").get<int>(), 1);
  QCOMPARE(json.at("close").at("frames")[0].get<int>(), 7);
}

void PolicySummaryTest::nothing_to_add_up() {
  const PolicySummaryBuilder builder({1, 3});
  QCOMPARE(builder.summary().saving(), 0.0);
  const auto json = to_json(builder.summary());
  QVERIFY(json.at("cost").is_null() && json.at("saving").is_null() && json.at("depth").is_null());
}

void PolicySummaryTest::an_ensembles_action_is_the_one_sent() {
  auto record = record_of(0, 1, 0.3F);
  record.action = test::with_number(record.action, 1, 0.1F);  // not a half; the command is rounded
  record.command = deer_action(std::array<float, 6>{0.5F, 0.0999755859375F}, -1);
  const auto arm = executed_action(record);
  QCOMPARE(arm[0], 0.5F);
  QCOMPARE(arm[1], 0.1F);
}

void PolicySummaryTest::policies_as_json() {
  ExitPolicy policy;
  policy.criterion = Criterion::feature_similarity;
  policy.delta_type = DeltaType::cosine;
  policy.thresholds = {0.125, 1e8};
  policy.leq = false;
  policy.max_layer = 4;
  policy.steps_per_stage = 2;
  policy.action_ensemble = true;
  policy.executions = 3;
  policy.refresh_every = 9;
  policy.forced_layers = {{-1, 2}, {5'000'000'000, 3}};
  QVERIFY(policy_from_json("p.json", policy_to_json(policy)) == policy);
  QVERIFY(policy_from_text(policy_as_text(policy)) == policy);
  policy = {};
  policy.criterion = Criterion::fixed_exit;
  policy.fixed_layer = 3;
  policy.use_own_head = true;
  QVERIFY(policy_from_json("p.json", policy_to_json(policy)) == policy);
  QVERIFY(policy_from_json("p.json", Json::object()) == ExitPolicy{});
  DEER_VERIFY_ERROR(policy_from_json("p.json", {{"criterion", "magic"}}), "p.json: criterion 'magic'");
  DEER_VERIFY_ERROR(policy_from_json("p.json", {{"forced_layers", {1, 2}}}), "forced_layers");
  DEER_VERIFY_ERROR(policy_from_json("p.json", {{"executions", 1e30}}), "executions");
  DEER_VERIFY_ERROR(policy_from_json("p.json", {{"steps_per_stage", 0}}), "steps_per_stage");
  DEER_VERIFY_ERROR(policy_from_json("p.json", {{"forced_layers", 3}}), "forced_layers");
  DEER_VERIFY_ERROR(policy_from_json("p.json", Json::array()), "p.json");
  QVERIFY(policy_from_text("{}") == ExitPolicy());
  QVERIFY(policy_from_text(R"({"action_ensemble": true})").action_ensemble);
  DEER_VERIFY_ERROR(policy_from_text("{"), "not valid JSON at byte");
  DEER_VERIFY_ERROR(policy_from_text(R"({"thresholds": [1e999]})"), "not valid JSON");
  DEER_VERIFY_ERROR(policy_from_text(std::string(100'000, '[')), "nested");
}

DEER_SUITE(PolicySummaryTest)
#include "tst_policy_summary.moc"
