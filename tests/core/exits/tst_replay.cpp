// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <random>

#include "core/base/error.h"
#include "core/exits/replayer.h"
#include "core/exits/rollout.h"
#include "core/model/model_loader.h"
#include "tests/support/make_gate.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

// Three episodes; the second is a single frame.
const std::vector<int> kEpisodes{24, 1, 13};

struct Family {
  std::unique_ptr<MultiExitModel> model;
  std::vector<at::Tensor> media;  // of every frame: what the cameras might show
  PreparedText text;
  std::vector<FrameRecordPtr> recorded;  // in probe mode
  std::vector<double> thresholds;        // that make the exits differ
};

FrameRecord with_number(FrameRecord record, std::size_t place) {
  record.frame = static_cast<std::int64_t>(place);
  return record;
}

// Walks all episodes; `step` gets the place of each frame.
template <typename F>
void walk(Rollout& rollout, F&& step) {
  std::size_t place = 0;
  for (const int length : kEpisodes) {
    rollout.reset();
    for (int i = 0; i < length; ++i) step(place++);
  }
}

// The decoder runs for every frame and really stops early.
std::vector<FrameRecord> run_the_model(const Family& family, const ExitPolicy& policy, RunMode mode) {
  std::vector<FrameRecord> out;
  Rollout rollout(*family.model);
  rollout.set_policy(policy);
  walk(rollout, [&](std::size_t place) {
    DecoderPass pass(*family.model, family.text, family.media[place]);
    DecoderFeatures features(pass);
    out.push_back(with_number(rollout.step(features, mode, static_cast<std::int64_t>(place)), place));
  });
  return out;
}

std::vector<FrameRecord> one_by_one(const Family& family, const ExitPolicy& policy) {
  std::vector<FrameRecord> out;
  Rollout rollout(*family.model);
  rollout.set_policy(policy);
  walk(rollout, [&](std::size_t place) {
    RecordedFeatures features(*family.recorded[place], at::kCPU);
    out.push_back(with_number(rollout.step(features, RunMode::probe, static_cast<std::int64_t>(place)), place));
  });
  return out;
}

std::vector<std::vector<FrameRecordPtr>> all_at_once(const Family& family, const std::vector<ExitPolicy>& policies) {
  std::vector<std::vector<FrameRecordPtr>> out(policies.size(), std::vector<FrameRecordPtr>(family.recorded.size()));
  replay_many(*family.model, ReplayFrames::of(family.recorded), policies,
              [&](std::size_t policy, std::int64_t place, FrameRecordPtr record) {
                auto& slot = out.at(policy).at(static_cast<std::size_t>(place));
                if (slot) throw std::runtime_error("a frame came twice");
                slot = std::move(record);
              },
              {});
  return out;
}

bool near(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= 1e-5F; }

// Empty if they are equal: exits, reasons and steps exactly, actions and values within 1e-5.
std::string difference(const FrameRecord& found, const FrameRecord& expected) {
  const auto at = "frame " + std::to_string(expected.frame) + ": ";
  if (found.frame != expected.frame || found.step != expected.step) return at + "another frame or step";
  if (found.exit_layer != expected.exit_layer || found.exit_index != expected.exit_index) {
    return at + "left after " + std::to_string(found.exit_layer) + ", not " + std::to_string(expected.exit_layer);
  }
  if (found.reason != expected.reason) return at + "reason " + std::string(to_string(found.reason));
  if (found.mode != expected.mode) return at + "mode";
  for (std::size_t i = 0; i < 6; ++i) {
    if (!near(found.action[i], expected.action[i]))
      return at + "arm " + std::to_string(found.action[i] - expected.action[i]);
    // Half precision: neighbours at most.
    if (std::abs(found.command[i] - expected.command[i]) > 1e-3F) return at + "command";
  }
  if (found.command[6] != expected.command[6]) return at + "gripper";
  if (!near(found.gripper_probability(), expected.gripper_probability())) return at + "gripper probability";
  if (found.exits.size() != expected.exits.size()) return at + "number of exits";
  for (std::size_t i = 0; i < found.exits.size(); ++i) {
    const auto& a = found.exits[i];
    const auto& b = expected.exits[i];
    const bool same = a.layer == b.layer && a.evaluated_by_policy == b.evaluated_by_policy && near(a.delta, b.delta) &&
                      near(a.threshold, b.threshold) && near(a.gripper_probability(), b.gripper_probability()) &&
                      near(a.action[3], b.action[3]);
    if (!same) return at + "exit " + std::to_string(i) + ", delta " + std::to_string(a.delta - b.delta);
    if (!a.feature.empty()) return at + "features were copied";
  }
  if (!near(found.predecessor.action[0], expected.predecessor.action[0])) return at + "predecessor";
  return {};
}

std::string first_difference(const std::vector<FrameRecordPtr>& found, const std::vector<FrameRecord>& expected) {
  if (found.size() != expected.size()) return "another number of frames";
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto text = found[i] ? difference(*found[i], expected[i]) : "frame " + std::to_string(i) + " is missing";
    if (!text.empty()) return text;
  }
  return {};
}

// Distances around what the gate says of these features.
ExitPolicy gate_policy(const Family& family, double factor = 1, unsigned seed = 1) {
  ExitPolicy policy;
  policy.criterion = Criterion::learned_gate;
  const auto& model = *family.model;
  policy.gate = test::made_gate(model.exit_layers(), static_cast<std::size_t>(model.config().decoder.d_model),
                                state_size(*model.shared_head()), seed);
  policy.thresholds.assign(model.exit_layers().size(), 0.06 * factor);
  policy.thresholds.back() = kAlwaysLeave;
  return policy;
}

ExitPolicy plain_policy(const Family& family, double factor = 1) {
  ExitPolicy policy;
  policy.thresholds = family.thresholds;
  for (auto& threshold : policy.thresholds) threshold *= factor;
  return policy;
}

// Every field of a policy at work.
std::vector<ExitPolicy> all_kinds(const Family& family) {
  std::vector<ExitPolicy> out;
  const auto add = [&](auto&& change) {
    auto policy = plain_policy(family);
    change(policy);
    out.push_back(policy);
  };
  const auto& exits = family.model->exit_layers();
  for (const double factor : {0.0, 0.3, 0.7, 1.0, 1.3, 3.0, 1e6}) out.push_back(plain_policy(family, factor));
  add([](auto& p) { p.delta_type = DeltaType::mean; });
  add([](auto& p) { p.delta_type = DeltaType::max; });
  add([](auto& p) { p.delta_type = DeltaType::cosine; });
  add([](auto& p) {
    p.criterion = Criterion::feature_similarity;
    for (auto& threshold : p.thresholds) threshold = 0.05;
  });
  for (const double factor : {0.5, 1.0, 2.0}) out.push_back(gate_policy(family, factor));
  out.push_back(gate_policy(family, 1, 2));  // another gate on the same frames and histories
  for (const int steps : {2, 3}) {
    auto policy = gate_policy(family);
    (steps == 2 ? policy.executions : policy.refresh_every) = steps;
    policy.action_ensemble = true;
    policy.forced_layers = {{3, family.model->exit_layers().back()}};
    out.push_back(policy);
  }
  add([](auto& p) { p.leq = false; });
  add([](auto& p) { p.steps_per_stage = 3; });
  add([](auto& p) { p.executions = 4; });
  add([](auto& p) { p.refresh_every = 5; });
  add([](auto& p) { p.action_ensemble = true; });
  add([](auto& p) {
    p.action_ensemble = true;
    p.executions = 2;
    p.refresh_every = 3;
  });
  add([&](auto& p) { p.max_layer = exits[1] + 1; });
  add([&](auto& p) { p.forced_layers = {{0, exits.back()}, {5, exits[0]}, {6, exits[0] - 1}, {30, exits[1]}}; });
  add([&](auto& p) {
    p.criterion = Criterion::fixed_exit;
    p.fixed_layer = exits[1];
  });
  add([&](auto& p) {
    p.criterion = Criterion::fixed_exit;
    p.fixed_layer = exits[1];
    p.use_own_head = true;
    p.refresh_every = 4;
  });
  add([](auto& p) {
    p.criterion = Criterion::time_step;
    p.steps_per_exit = 5;
    p.action_ensemble = true;
  });
  return out;
}

}  // namespace

class ReplayTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void many_policies_are_each_one_by_one_data() { families(); }
  void many_policies_are_each_one_by_one();
  void a_replay_is_the_whole_model_data() { families(); }
  void a_replay_is_the_whole_model();
  void ties_fall_as_one_by_one_data() { families(); }
  void ties_fall_as_one_by_one();
  void ties_of_gates_fall_as_one_by_one_data() { families(); }
  void ties_of_gates_fall_as_one_by_one();
  void updates_are_replays_data() { families(); }
  void updates_are_replays();
  void an_update_runs_only_what_changes();
  void cancelled_updates_change_nothing();
  void what_cannot_be_replayed();

 private:
  static void families();
  const Family& family() const {
    QFETCH(const QString, name);
    return families_.at(name.toStdString());
  }

  std::map<std::string, Family> families_;
};

void ReplayTest::families() {
  QTest::addColumn<QString>("name");
  QTest::newRow("MPT-1b") << "tiny_mpt1b";
  QTest::newRow("MPT-7b") << "tiny_mpt7b";
}

void ReplayTest::initTestCase() {
  for (const char* name : {"tiny_mpt1b", "tiny_mpt7b"}) {
    Family family;
    family.model = load_model(open_model_files(fs::path(DEER_TEST_DATA) / "reference" / name)).model;
    const auto& config = family.model->config();
    at::manual_seed(11);
    auto drift = at::randn({1, 2 * config.perceiver.latents, config.perceiver.dim});
    for (int i = 0; i < 38; ++i) {
      drift = 0.8 * drift + 0.6 * at::randn_like(drift);
      family.media.push_back(drift);
    }
    const auto ids = at::tensor(std::vector<std::int64_t>{config.tokens.image, 5, 9, 12, 3, config.tokens.end_of_chunk,
                                                          config.tokens.end_of_text},
                                at::kLong)
                         .unsqueeze(0);
    family.text = family.model->prepare_text(ids, at::ones_like(ids));
    // Thresholds in the middle of what the model does.
    const auto exits = family.model->exit_layers().size();
    ExitPolicy deepest;
    deepest.thresholds.assign(exits, kNeverLeave);
    std::vector<std::vector<double>> deltas(exits);
    for (auto& record : run_the_model(family, deepest, RunMode::probe)) {
      for (std::size_t e = 0; e < exits; ++e) deltas[e].push_back(static_cast<double>(record.exits[e].delta));
      family.recorded.push_back(std::make_shared<const FrameRecord>(std::move(record)));
    }
    for (auto& values : deltas) {
      std::sort(values.begin(), values.end());
      family.thresholds.push_back(values[values.size() / 3]);
    }
    families_[name] = std::move(family);
  }
}

void ReplayTest::many_policies_are_each_one_by_one() {
  const auto policies = all_kinds(family());
  const auto found = all_at_once(family(), policies);
  std::set<std::vector<int>> different;
  for (std::size_t p = 0; p < policies.size(); ++p) {
    const auto expected = one_by_one(family(), policies[p]);
    const auto text = first_difference(found[p], expected);
    QVERIFY2(text.empty(), ("policy " + std::to_string(p) + ", " + text).c_str());
    std::vector<int> layers;
    for (const auto& record : expected) layers.push_back(record.exit_layer);
    different.insert(layers);
  }
  QVERIFY2(different.size() > 10, "the policies hardly differ: the comparison shows little");
}

void ReplayTest::a_replay_is_the_whole_model() {
  const auto policies = all_kinds(family());
  const auto found = all_at_once(family(), policies);
  for (std::size_t p = 1; p < policies.size(); p += 2) {
    const auto really = run_the_model(family(), policies[p], RunMode::policy);
    for (std::size_t i = 0; i < really.size(); ++i) {
      QCOMPARE(found[p][i]->exit_layer, really[i].exit_layer);
      QCOMPARE(found[p][i]->reason, really[i].reason);
      for (std::size_t k = 0; k < 6; ++k) QVERIFY(near(found[p][i]->action[k], really[i].action[k]));
    }
  }
}

void ReplayTest::ties_fall_as_one_by_one() {
  // Thresholds that are, to the last bit, values which occur, and their neighbours.
  std::vector<ExitPolicy> policies;
  const auto values = one_by_one(family(), plain_policy(family()));
  for (std::size_t i = 0; i < values.size(); i += 12) {
    for (std::size_t e = 0; e + 1 < values[i].exits.size(); ++e) {
      const float value = values[i].exits[e].delta;
      for (const float threshold : {value, std::nextafter(value, 0.0F), std::nextafter(value, 1.0F)}) {
        auto policy = plain_policy(family());
        policy.thresholds[e] = static_cast<double>(threshold);
        policies.push_back(policy);
      }
    }
  }
  const auto found = all_at_once(family(), policies);
  int turned = 0;
  for (std::size_t p = 0; p < policies.size(); ++p) {
    const auto text = first_difference(found[p], one_by_one(family(), policies[p]));
    QVERIFY2(text.empty(), ("policy " + std::to_string(p) + ", " + text).c_str());
    for (std::size_t i = 0; p % 3 != 0 && i < found[p].size(); ++i) {
      turned += found[p][i]->exit_layer != found[p - p % 3][i]->exit_layer ? 1 : 0;
    }
  }
  QVERIFY2(turned > 0, "no neighbour of a tie decided otherwise: the comparison shows nothing");
}

void ReplayTest::ties_of_gates_fall_as_one_by_one() {
  std::vector<ExitPolicy> policies;
  const auto values = one_by_one(family(), gate_policy(family()));
  for (std::size_t i = 0; i < values.size(); i += 5) {
    for (std::size_t e = 0; e + 1 < values[i].exits.size(); ++e) {
      const float value = values[i].exits[e].delta;
      for (const float threshold : {value, std::nextafter(value, 0.0F), std::nextafter(value, 1.0F)}) {
        auto policy = gate_policy(family());
        policy.thresholds[e] = static_cast<double>(threshold);
        policies.push_back(policy);
      }
    }
  }
  const auto found = all_at_once(family(), policies);
  const auto replayer = make_replayer(*family().model, ReplayFrames::of(family().recorded));
  int turned = 0;
  for (std::size_t p = 0; p < policies.size(); ++p) {
    const auto expected = one_by_one(family(), policies[p]);
    auto text = first_difference(found[p], expected);
    QVERIFY2(text.empty(), ("policy " + std::to_string(p) + ", " + text).c_str());
    text = first_difference(replayer->update(policies[p]), expected);
    QVERIFY2(text.empty(), ("update " + std::to_string(p) + ", " + text).c_str());
    for (std::size_t i = 0; p % 3 != 0 && i < found[p].size(); ++i) {
      turned += found[p][i]->exit_layer != found[p - p % 3][i]->exit_layer ? 1 : 0;
    }
  }
  QVERIFY2(turned > 0, "no neighbour of a tie decided otherwise: the comparison shows nothing");
}

void ReplayTest::updates_are_replays() {
  const auto replayer = make_replayer(*family().model, ReplayFrames::of(family().recorded));
  QVERIFY(replayer->records().empty());
  const auto kinds = all_kinds(family());
  std::mt19937 random(5);
  auto policy = plain_policy(family());
  std::int64_t run = 0;
  constexpr int kRounds = 16;
  for (int round = 0; round < kRounds; ++round) {
    switch (random() % 4) {
      case 0:
        policy = kinds[random() % kinds.size()];
        break;
      case 1:
        policy.forced_layers[static_cast<std::int64_t>(random() % 38)] = family().model->exit_layers()[random() % 2];
        if (policy.use_own_head) policy = kinds[3];
        break;
      default:
        policy.thresholds[random() % policy.thresholds.size()] *= 0.9 + static_cast<double>(random() % 20) / 100;
        break;
    }
    const auto text = first_difference(replayer->update(policy), one_by_one(family(), policy));
    QVERIFY2(text.empty(), ("round " + std::to_string(round) + ", " + text).c_str());
    run += replayer->frames_run();
  }
  QVERIFY2(run < kRounds * 38 * 3 / 4, "hardly anything was spared");
  // Every kind of policy decides anew over the probes of its own last run.
  for (auto kind : kinds) {
    replayer->update(kind);
    for (auto& threshold : kind.thresholds) threshold *= 1.2;
    const auto text = first_difference(replayer->update(kind), one_by_one(family(), kind));
    QVERIFY2(text.empty(), text.c_str());
  }
}

void ReplayTest::an_update_runs_only_what_changes() {
  const auto& family = families_.at("tiny_mpt1b");
  const auto replayer = make_replayer(*family.model, ReplayFrames::of(family.recorded));
  auto policy = plain_policy(family);
  const auto first = replayer->update(policy);
  QCOMPARE(replayer->frames_run(), 38);
  // The same again.
  QCOMPARE(replayer->update(policy), first);
  QCOMPARE(replayer->frames_run(), 0);
  // The last frame of the first episode.
  policy.forced_layers[23] = first[23]->exit_layer == 1 ? 3 : 1;
  const auto second = replayer->update(policy);
  QVERIFY(replayer->frames_run() >= 1 && replayer->frames_run() <= 16);
  QCOMPARE(second[23]->reason, ExitReason::forced);
  for (std::size_t i = 0; i < 16; ++i) QCOMPARE(second[i], first[i]);
  for (std::size_t i = 24; i < 38; ++i) QCOMPARE(second[i], first[i]);
  // A threshold that changes no exit: new records, no run.
  policy.thresholds.back() = 0.5;
  const auto third = replayer->update(policy);
  QCOMPARE(replayer->frames_run(), 0);
  QCOMPARE(third[0]->exits.back().threshold, 0.5F);
}

void ReplayTest::cancelled_updates_change_nothing() {
  const auto& family = families_.at("tiny_mpt1b");
  const auto replayer = make_replayer(*family.model, ReplayFrames::of(family.recorded));
  const auto first = replayer->update(plain_policy(family));
  std::stop_source stop;
  stop.request_stop();
  QVERIFY_THROWS_EXCEPTION(Cancelled, replayer->update(plain_policy(family, 3), stop.get_token()));
  QCOMPARE(replayer->records(), first);
  auto bad = plain_policy(family);
  bad.thresholds = {1};
  DEER_VERIFY_ERROR(replayer->update(bad), "1 thresholds given");
  const auto text =
      first_difference(replayer->update(plain_policy(family, 3)), one_by_one(family, plain_policy(family, 3)));
  QVERIFY2(text.empty(), text.c_str());
  // In the middle of many.
  std::stop_source later;
  int seen = 0;
  const std::vector<ExitPolicy> policies{plain_policy(family), plain_policy(family, 2)};
  QVERIFY_THROWS_EXCEPTION(Cancelled, replay_many(
                                          *family.model, ReplayFrames::of(family.recorded), policies,
                                          [&](std::size_t, std::int64_t, const FrameRecordPtr&) {
                                            if (++seen == 10) later.request_stop();
                                          },
                                          later.get_token()));
  QVERIFY(seen >= 10 && seen < 38);
}

void ReplayTest::what_cannot_be_replayed() {
  const auto& family = families_.at("tiny_mpt1b");
  const auto replay = [&](const FrameRecord& record, const ExitPolicy& policy) {
    const std::vector<FrameRecordPtr> records{std::make_shared<const FrameRecord>(record)};
    replay_many(*family.model, ReplayFrames::of(records), std::span(&policy, 1), [](auto, auto, auto) {}, {});
  };
  auto record = *family.recorded[3];
  record.step = 0;
  record.exits[1].feature.clear();
  DEER_VERIFY_ERROR(replay(record, plain_policy(family)), "without the feature of layer 3");
  record.exits[1].feature.assign(31, 0.5F);
  DEER_VERIFY_ERROR(replay(record, plain_policy(family)), "a feature of 31 numbers, the model 32");
  auto policy = plain_policy(family);
  policy.forced_layers[3] = 4;
  DEER_VERIFY_ERROR(replay(*family.recorded[3], policy), "without the feature of layer 4");
  policy.criterion = Criterion::fixed_exit;
  policy.use_own_head = true;
  DEER_VERIFY_ERROR(replay(*family.recorded[3], policy), "no head of its own");
  replay_many(*family.model, ReplayFrames::of({}), std::span(&policy, 0), [](auto, auto, auto) {}, {});
  QVERIFY(make_replayer(*family.model, ReplayFrames::of({}))->update(plain_policy(family)).empty());
}

DEER_SUITE(ReplayTest)
#include "tst_replay.moc"
