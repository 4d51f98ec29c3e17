// SPDX-License-Identifier: GPL-3.0-or-later
#include <ATen/ATen.h>

#include <QTest>
#include <fstream>
#include <limits>

#include "core/base/error.h"
#include "core/exits/decision.h"
#include "core/exits/engine.h"
#include "core/exits/gate_file.h"
#include "core/exits/policy_json.h"
#include "core/exits/recorded_replay.h"
#include "core/model/model_config.h"
#include "core/model/model_fingerprint.h"
#include "core/model/weights/tensor_archive.h"
#include "tests/support/make_gate.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

constexpr std::size_t kFeatures = 8;
constexpr std::size_t kState = 6;
const std::vector<int> kExits{1, 3, 5};

fs::path tiny_model() { return fs::path(DEER_TEST_DATA) / "reference" / "tiny_mpt1b"; }

std::vector<float> numbers(std::size_t count, float first) {
  std::vector<float> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = first + 0.1F * static_cast<float>(i);
  return out;
}

// Tensors and metadata of a gate's file, to be broken.
struct Pieces {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

Pieces pieces_of(const fs::path& file) {
  const auto archive = TensorArchive::open(file);
  Pieces out;
  for (const auto& [name, entry] : archive->entries()) out.tensors[name] = archive->read(name).clone();
  for (const auto& [key, value] : archive->fields().items()) out.metadata[key] = value.get<std::string>();
  return out;
}

}  // namespace

class LearnedGateTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void predictions_follow_every_input();
  void equal_inputs_give_equal_numbers();
  void the_tolerance_covers_rounding();
  void calibration_is_increasing();
  void a_prediction_that_is_no_number_is_far();
  void invalid_weights_are_refused_data();
  void invalid_weights_are_refused();
  void a_file_keeps_everything();
  void broken_files_are_refused();
  void a_gate_is_for_one_model();
  void policies_name_their_gate();
  void gates_are_found();
  void an_engine_loads_the_gate();
  void a_broken_gate_does_not_keep_a_model_from_loading();
  void without_a_model_only_the_recorded_gate_replays();
};

void LearnedGateTest::predictions_follow_every_input() {
  const LearnedGate gate(test::made_gate_weights(kExits, kFeatures, kState));
  const auto ask = [&](float state, float feature, float first_delta, float delta, float moved) {
    GateFrame frame(gate, numbers(kState, state));
    frame.next(numbers(kFeatures, 0.2F), first_delta, 0.01F);
    return frame.next(numbers(kFeatures, feature), delta, moved).distance;
  };
  const float base = ask(0.1F, 0.3F, 0.02F, 0.04F, 0.05F);
  QVERIFY(base > 0 && std::isfinite(base));
  QVERIFY(ask(0.2F, 0.3F, 0.02F, 0.04F, 0.05F) != base);
  QVERIFY(ask(0.1F, 0.4F, 0.02F, 0.04F, 0.05F) != base);
  QVERIFY(ask(0.1F, 0.3F, 0.05F, 0.04F, 0.05F) != base);
  QVERIFY(ask(0.1F, 0.3F, 0.02F, 0.09F, 0.05F) != base);
  QVERIFY(ask(0.1F, 0.3F, 0.02F, 0.04F, 0.15F) != base);
  // No state is a state of zeros, and a difference that is not known is none.
  GateFrame empty(gate, {});
  GateFrame zeros(gate, std::vector<float>(kState, 0.0F));
  QCOMPARE(empty.next(numbers(kFeatures, 1), kNotEvaluated, kNotEvaluated).distance,
           zeros.next(numbers(kFeatures, 1), 0, 0).distance);
  // The deepest exit is no distance from itself.
  empty.next(numbers(kFeatures, 1), 0.1F, 0.1F);
  QCOMPARE(empty.next(numbers(kFeatures, 1), 0.1F, 0.1F).distance, 0.0F);
  DEER_VERIFY_ERROR(GateFrame(gate, numbers(3, 0)), "a recurrent state of 3 numbers, expected 6");
  DEER_VERIFY_ERROR(GateFrame(gate, {}).next(numbers(7, 0), 0, 0), "a feature of 7 numbers, expected 8");
}

void LearnedGateTest::equal_inputs_give_equal_numbers() {
  const auto weights = test::made_gate_weights(kExits, kFeatures, kState);
  const LearnedGate one(weights);
  const LearnedGate other(weights, {{"seed", "3"}});
  QCOMPARE(one.fingerprint(), other.fingerprint());
  QCOMPARE(one.fingerprint().size(), std::size_t{40});
  QVERIFY(LearnedGate(weights, {{"model_hash", "a"}}).fingerprint() != one.fingerprint());
  auto changed = weights;
  changed.output_bias[0] += 1e-3F;
  QVERIFY(LearnedGate(changed).fingerprint() != one.fingerprint());
  QVERIFY(LearnedGate(test::made_gate_weights(kExits, kFeatures, kState, 2)).fingerprint() != one.fingerprint());
  GateFrame a(one, numbers(kState, 0.3F)), b(other, numbers(kState, 0.3F));
  QCOMPARE(a.next(numbers(kFeatures, 0.5F), 0.1F, 0.2F).distance,
           b.next(numbers(kFeatures, 0.5F), 0.1F, 0.2F).distance);
}

void LearnedGateTest::the_tolerance_covers_rounding() {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(-1, 1);
  int changed = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    const LearnedGate gate(test::made_gate_weights(kExits, kFeatures, kState, seed));
    std::vector<float> state(kState), near(kState);
    for (std::size_t i = 0; i < kState; ++i) {
      state[i] = uniform(random);
      near[i] = state[i] + 1e-6F * uniform(random);
    }
    const auto feature = numbers(kFeatures, uniform(random));
    const float delta = 0.05F + 0.04F * uniform(random);
    const auto a = GateFrame(gate, state).next(feature, delta, 0.02F);
    const auto b = GateFrame(gate, near).next(feature, delta + 1e-6F * uniform(random), 0.02F);
    changed += a.distance != b.distance ? 1 : 0;
    QVERIFY2(std::abs(a.distance - b.distance) <= a.tolerance, qPrintable(QString::number(seed)));
    // And is small, or every decision would have to be computed twice.
    QVERIFY(a.tolerance < 0.02F * a.distance);
  }
  QVERIFY(changed > 100);
}

void LearnedGateTest::calibration_is_increasing() {
  auto weights = test::made_gate_weights(kExits, kFeatures, kState);
  const LearnedGate calibrated(weights);
  weights.calibration.assign(2, {{1.0F, 1.0F}});
  const LearnedGate plain(weights);
  std::vector<std::pair<float, float>> pairs;
  for (int i = 0; i < 60; ++i) {
    const auto feature = numbers(kFeatures, -3 + 0.1F * static_cast<float>(i));
    pairs.emplace_back(GateFrame(plain, {}).next(feature, 0.03F, 0.01F).distance,
                       GateFrame(calibrated, {}).next(feature, 0.03F, 0.01F).distance);
  }
  std::sort(pairs.begin(), pairs.end());
  for (std::size_t i = 1; i < pairs.size(); ++i) {
    if (pairs[i].first > pairs[i - 1].first) QVERIFY(pairs[i].second > pairs[i - 1].second);
  }
}

void LearnedGateTest::a_prediction_that_is_no_number_is_far() {
  const auto weights = test::made_gate_weights(kExits, kFeatures, kState);
  const LearnedGate gate(weights);
  constexpr float kNotANumber = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t knots = 1; knots <= weights.calibration[0].size(); ++knots) {
    auto few = weights;
    for (auto& list : few.calibration) list.resize(std::min(list.size(), knots));
    const LearnedGate fewer(few);
    GateFrame frame(fewer, numbers(kState, 0.1F));
    const auto distance = frame.next(std::vector<float>(kFeatures, kNotANumber), 0.1F, 0.1F).distance;
    QVERIFY2(distance > 1000 * few.calibration[0].back().second, std::to_string(distance).c_str());
  }
  GateFrame frame(gate, std::vector<float>(kState, kNotANumber));
  QVERIFY(frame.next(numbers(kFeatures, 0.2F), 0.1F, 0.1F).distance > 1000);
}

void LearnedGateTest::invalid_weights_are_refused_data() {
  QTest::addColumn<int>("which");
  QTest::addColumn<QString>("expected");
  QTest::newRow("one exit") << 0 << "'exit_layers' names 1 exits, expected 2 to 256";
  QTest::newRow("order") << 1 << "'exit_layers' is not ordered";
  QTest::newRow("NaN") << 2 << "'hidden_weight' holds a number that is infinite or NaN";
  QTest::newRow("size") << 3 << "'state_mean' has 5 numbers, expected 6";
  QTest::newRow("unit") << 4 << "'units' holds a number that is not above 0";
  QTest::newRow("falling knots") << 5 << "'calibration.1' is not a list of increasing positive pairs";
  QTest::newRow("no knots") << 6 << "'calibration.0' is not a list of increasing positive pairs";
  QTest::newRow("width") << 7 << "the gate's width is 0, expected 1 to 4096";
}

void LearnedGateTest::invalid_weights_are_refused() {
  QFETCH(const int, which);
  QFETCH(const QString, expected);
  auto weights = test::made_gate_weights(kExits, kFeatures, kState);
  switch (which) {
    case 0:
      weights.exit_layers = {1};
      break;
    case 1:
      weights.exit_layers = {3, 1, 5};
      break;
    case 2:
      weights.hidden_weight[5] = kNotEvaluated;
      break;
    case 3:
      weights.state_mean.pop_back();
      break;
    case 4:
      weights.feature_unit = 0;
      break;
    case 5:
      weights.calibration[1] = {{0.1F, 0.2F}, {0.2F, 0.2F}};
      break;
    case 6:
      weights.calibration[0].clear();
      break;
    default:
      weights.width = 0;
  }
  DEER_VERIFY_ERROR(LearnedGate(weights), expected.toStdString());
}

void LearnedGateTest::a_file_keeps_everything() {
  const test::TemporaryFolder folder;
  const auto weights = test::made_gate_weights(kExits, kFeatures, kState);
  const LearnedGate gate(weights, {{"model_hash", "abc"}, {"seed", "7"}, {"thresholds", "0.25,0.125,1e8"}});
  write_gate(folder / "gate.safetensors", gate);
  const auto back = read_gate(folder / "gate.safetensors");
  QCOMPARE(back->fingerprint(), gate.fingerprint());
  QCOMPARE(back->provenance("seed"), std::string("7"));
  QCOMPARE(back->provenance("kind"), std::string("deer gate"));
  QCOMPARE(back->weights().exit_layers, weights.exit_layers);
  QVERIFY(back->weights().calibration == weights.calibration);
  QCOMPARE(back->suggested_thresholds(), (std::vector<double>{0.25, 0.125, 1e8}));
  QVERIFY(LearnedGate(weights, {{"thresholds", "0.25,0.125"}}).suggested_thresholds().empty());
  QVERIFY(LearnedGate(weights, {{"thresholds", "0.25,x,1"}}).suggested_thresholds().empty());
  GateFrame a(gate, {}), b(*back, {});
  QCOMPARE(a.next(numbers(kFeatures, 0.5F), 0.1F, 0.2F).distance,
           b.next(numbers(kFeatures, 0.5F), 0.1F, 0.2F).distance);
  QVERIFY(looks_like_gate(folder / "gate.safetensors"));
  QVERIFY(!looks_like_gate(tiny_model() / "model.safetensors"));
  QVERIFY(!looks_like_gate(folder / "absent.safetensors"));
}

void LearnedGateTest::broken_files_are_refused() {
  const test::TemporaryFolder folder;
  const auto file = folder / "gate.safetensors";
  write_gate(file, LearnedGate(test::made_gate_weights(kExits, kFeatures, kState)));
  const auto whole = pieces_of(file);
  const auto with = [&](auto&& change) {
    auto pieces = whole;
    change(pieces);
    const auto broken = folder / "broken.safetensors";
    write_safetensors(broken, pieces.tensors, pieces.metadata);
    return test::error_of([&] { read_gate(broken); });
  };
  const auto contains = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos && text.find("broken.safetensors") != std::string::npos;
  };
  QVERIFY(contains(with([](Pieces& p) { p.metadata.clear(); }), "is not a learned gate"));
  QVERIFY(contains(with([](Pieces& p) { p.tensors.erase("state_weight"); }), "has no tensor 'state_weight'"));
  QVERIFY(contains(with([](Pieces& p) { p.tensors.erase("calibration.1"); }), "has no tensor 'calibration.1'"));
  QVERIFY(contains(with([](Pieces& p) { p.tensors["units"] = at::zeros({3}); }), "'units' is [3], expected [2]"));
  QVERIFY(contains(with([](Pieces& p) {
                     p.tensors["hidden_bias"] = at::zeros({4, 4});
                   }),
                   "'hidden_bias' is [4, 4], expected [16]"));
  QVERIFY(contains(with([](Pieces& p) {
                     p.tensors["hidden_weight"] = at::zeros({16, 5});
                   }),
                   "'hidden_weight' is [16, 5], expected [16, 16]"));
  QVERIFY(contains(with([](Pieces& p) {
                     p.tensors["calibration.0"] = at::ones({2, 3});
                   }),
                   "'calibration.0' is [2, 3], expected [knots, 2]"));
  QVERIFY(contains(with([](Pieces& p) {
                     p.tensors["exit_layers"] = at::tensor(std::vector<std::int64_t>{1, -3, 5});
                   }),
                   "'exit_layers' holds -3"));
  QVERIFY(contains(with([](Pieces& p) { p.tensors["output_weight"][2] = std::numeric_limits<float>::quiet_NaN(); }),
                   "'output_weight' holds a number that is infinite or NaN"));
  // Cut at every length.
  std::ifstream in(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  for (std::size_t size = 0; size < bytes.size(); size += 97) {
    const auto cut = folder.write("cut.safetensors", std::string_view(bytes).substr(0, size));
    DEER_VERIFY_ERROR(read_gate(cut), "cut.safetensors");
  }
}

void LearnedGateTest::a_gate_is_for_one_model() {
  const LearnedGate gate(test::made_gate_weights(kExits, kFeatures, kState));
  const auto check = [&](std::vector<int> exits, std::size_t features, std::size_t state) {
    gate.check_model(exits, features, state);
  };
  check(kExits, kFeatures, kState);
  check({1, 3}, kFeatures, kState);  // only the first layers are loaded
  check({1, 2}, kFeatures, kState);
  DEER_VERIFY_ERROR(check({1, 3, 7}, kFeatures, kState),
                    "trained for exits after layers 1, 3, 5, the model has 1, 3, 7");
  DEER_VERIFY_ERROR(check({2, 3}, kFeatures, kState), "the model has 2, 3");
  DEER_VERIFY_ERROR(check({1, 3, 5, 7}, kFeatures, kState), "the model has 1, 3, 5, 7");
  DEER_VERIFY_ERROR(check(kExits, 9, kState), "features of 8 numbers, the model's have 9");
  DEER_VERIFY_ERROR(check(kExits, kFeatures, 5), "a recurrent state of 6 numbers, the model's action head has 5");
}

void LearnedGateTest::policies_name_their_gate() {
  ExitPolicy policy;
  policy.criterion = Criterion::learned_gate;
  policy.thresholds = {0.1, 0.2, kAlwaysLeave};
  policy.gate = test::made_gate(kExits, kFeatures, kState);
  const auto back = policy_from_text(policy_as_text(policy));
  QVERIFY(back == policy);
  QCOMPARE(back.gate.path, policy.gate.path);
  QVERIFY(!back.gate.gate);
  auto other = policy;
  other.gate = test::made_gate(kExits, kFeatures, kState, 2);
  QVERIFY(!(other == policy));
  // Older policies name none, and new ones without a gate are as before.
  QVERIFY(policy_from_text(R"({"criterion": "action_delta"})").gate.empty());
  QVERIFY(!policy_to_json(ExitPolicy()).contains("gate"));
  QCOMPARE(parse_criterion("learned_gate"), Criterion::learned_gate);
  QVERIFY(compares(policy));
  DEER_VERIFY_ERROR(policy_from_text(R"({"gate": 3})"), "gate");
  // Rules carry it to other policies, and other criteria leave it alone.
  QVERIFY(with_thresholds_of(policy, {}).gate == policy.gate);
  QVERIFY(with_thresholds_of({}, policy).gate == policy.gate);
}

void LearnedGateTest::gates_are_found() {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "model");
  const auto write = [&](const fs::path& file, unsigned seed) {
    const LearnedGate gate(test::made_gate_weights(kExits, kFeatures, kState, seed));
    write_gate(folder / file, gate);
    return gate.fingerprint();
  };
  const auto model = folder / "model";
  DEER_VERIFY_ERROR(find_gate({}, model), "has no gate.safetensors");
  const auto own = write("model/gate.safetensors", 1);
  const auto beside = write("model/other.safetensors", 2);
  const auto far = write("far.safetensors", 3);
  QCOMPARE(find_gate({}, model).fingerprint, own);
  QCOMPARE(find_gate({(folder / "far.safetensors").string(), far, nullptr}, model).fingerprint, far);
  QCOMPARE(find_gate({(folder / "far.safetensors").string(), "", nullptr}, model).fingerprint, far);
  // It has moved to the model, under its name or not.
  QCOMPARE(find_gate({"/absent/other.safetensors", beside, nullptr}, model).fingerprint, beside);
  QCOMPARE(find_gate({"/absent/any.safetensors", own, nullptr}, model).fingerprint, own);
  DEER_VERIFY_ERROR(
      find_gate({"/absent/any.safetensors", far, nullptr}, model),
      "/absent/any.safetensors: does not exist, but is needed: it is the learned gate with the fingerprint");
  ModelGates gates(model, kExits, kFeatures, kState);
  ExitPolicy policy;
  QVERIFY(!gates.load(policy).gate.gate);
  policy.criterion = Criterion::learned_gate;
  QCOMPARE(gates.load(policy).gate.gate->fingerprint(), own);
  DEER_VERIFY_ERROR(ModelGates(model, kExits, 9, kState).load(policy), "gate.safetensors: the gate was trained for");
}

void LearnedGateTest::an_engine_loads_the_gate() {
  const test::TemporaryFolder folder;
  fs::copy(tiny_model(), folder / "model");
  const auto engine_of = [&] {
    EngineOptions options;
    options.head_only = true;
    return Engine::load(folder / "model", options);
  };
  const auto before = engine_of();
  QVERIFY(before->summary().gate.empty());
  const auto& config = *before->summary().config;
  const auto state = static_cast<std::size_t>(config.head.lstm_layers * config.head.hidden_size);
  const auto weights = test::made_gate_weights(before->summary().exit_layers,
                                               static_cast<std::size_t>(before->summary().d_model), state);
  const auto hash = model_fingerprint(folder / "model");
  write_gate(folder / "model" / kGateFile, LearnedGate(weights, {{"model_hash", hash}}));
  // A gate is not part of the model.
  QCOMPARE(model_fingerprint(folder / "model"), hash);
  const auto engine = engine_of();
  QVERIFY(engine->summary().gate.gate != nullptr);
  ExitPolicy policy;
  policy.criterion = Criterion::learned_gate;
  policy.thresholds.assign(engine->summary().exit_layers.size(), 0.05);
  engine->set_policy(policy);
  QVERIFY(engine->policy().gate.gate == engine->summary().gate.gate);
  QCOMPARE(engine->policy().gate.path, (folder / "model" / kGateFile).string());
  // A gate for another model is refused, and the policy kept.
  write_gate(folder / "other.safetensors", LearnedGate(weights, {{"model_hash", "0123"}}));
  auto wrong = policy;
  wrong.gate = {(folder / "other.safetensors").string(), "", nullptr};
  DEER_VERIFY_ERROR(engine->set_policy(wrong), "other.safetensors: was trained for another model");
  QVERIFY(engine->policy().gate == engine->summary().gate);
}

void LearnedGateTest::a_broken_gate_does_not_keep_a_model_from_loading() {
  const test::TemporaryFolder folder;
  fs::copy(tiny_model(), folder / "model");
  folder.write("model/gate.safetensors", "not a gate");
  EngineOptions options;
  options.head_only = true;
  const auto engine = Engine::load(folder / "model", options);
  QVERIFY(engine->summary().gate.empty());
  QVERIFY(engine->summary().note.find("its learned gate is not used: ") != std::string::npos);
  ExitPolicy policy;
  policy.criterion = Criterion::learned_gate;
  policy.thresholds.assign(engine->summary().exit_layers.size(), 0.05);
  DEER_VERIFY_ERROR(engine->set_policy(policy), "gate.safetensors");
}

void LearnedGateTest::without_a_model_only_the_recorded_gate_replays() {
  ModelSummary summary;
  summary.exit_layers = kExits;
  summary.layers = 6;
  ExitPolicy recorded;
  recorded.criterion = Criterion::learned_gate;
  recorded.thresholds = {0.1, 0.1, kAlwaysLeave};
  recorded.gate = {"gone.safetensors", "abc", nullptr};
  auto frame = std::make_shared<FrameRecord>();
  frame->exit_layer = 3;
  frame->exit_index = 1;
  for (std::size_t i = 0; i < kExits.size(); ++i) {
    ExitProbe probe;
    probe.layer = kExits[i];
    probe.action = deer_action(std::array<float, 6>{0.1F * static_cast<float>(i)}, 0.9F);
    probe.delta = i == 0 ? 0.3F : i == 1 ? 0.05F : 0.0F;
    frame->exits.push_back(probe);
  }
  frame->action = frame->exits[1].action;
  const std::vector<FrameRecordPtr> frames{frame};
  const auto engine = make_recorded_engine(summary, recorded);
  QCOMPARE(engine->replay(frames, recorded)[0]->exit_layer, 3);
  auto policy = recorded;
  policy.thresholds[0] = 0.4;
  QCOMPARE(engine->replay(frames, policy)[0]->exit_layer, 1);
  QCOMPARE(engine->replay(frames, policy)[0]->exits[0].delta, 0.3F);
  policy.thresholds = {0.1, 0.01, kAlwaysLeave};
  QCOMPARE(engine->replay(frames, policy)[0]->exit_layer, 5);
  policy.gate.fingerprint = "def";
  DEER_VERIFY_ERROR(engine->replay(frames, policy), "a learned gate needs the model's action head");
  // What the gate said is no delta of actions.
  policy.criterion = Criterion::action_delta;
  policy.thresholds = {0, 0.03, kAlwaysLeave};
  QCOMPARE(engine->replay(frames, policy)[0]->exit_layer, 5);
}

DEER_SUITE(LearnedGateTest)
#include "tst_learned_gate.moc"
