// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/exits/engine.h"
#include "tests/core/exits/random_picture.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

const fs::path kDemo = fs::path(DEER_SOURCE_DIR) / "tests" / "data" / "random_demo" / "model";

FrameInput input(int frame, const std::string& instruction = "open the drawer") {
  return {frame, test::random_picture(200, 200, static_cast<unsigned>(2 * frame)),
          test::random_picture(84, 84, static_cast<unsigned>(2 * frame + 1)), instruction};
}

}  // namespace

class EngineTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void summary_describes_the_model();
  void replay_equals_running_again();
  void the_head_alone_replays();
  void probe_and_policy_agree();
  void a_new_instruction_starts_anew();
  void pictures_that_did_not_change();
  void a_rollout_continues_elsewhere_data();
  void a_rollout_continues_elsewhere();
  void rollouts_on_the_same_weights();
  void a_state_that_does_not_fit();
  void cancel_leaves_the_state();
  void broken_input_is_named();
  void models_that_cannot_be_opened();
  void fewer_layers_can_be_loaded();
  void a_model_without_a_shared_head_can_be_probed();
  void only_the_first_line_of_an_instruction_counts();
  void a_model_too_large_says_what_it_needs();
};

void EngineTest::summary_describes_the_model() {
  const auto engine = Engine::load(kDemo);
  const auto& summary = engine->summary();
  QCOMPARE(summary.name, std::string("deer-tiny"));
  QCOMPARE(summary.note, std::string("random weights, not trained"));
  QCOMPARE(summary.family, std::string("MPT-1b"));
  QCOMPARE(summary.exit_layers, (std::vector<int>{1, 3, 5}));
  QCOMPARE(summary.dtype, std::string("float32"));
  QVERIFY(summary.parameters > 500'000);
  QCOMPARE(summary.weight_bytes, 4 * summary.parameters);
  QCOMPARE(engine->policy().thresholds, summary.suggested_thresholds);
}

void EngineTest::replay_equals_running_again() {
  const auto engine = Engine::load(kDemo);
  std::vector<FrameRecordPtr> records;
  for (int i = 0; i < 10; ++i) records.push_back(engine->step(input(i), RunMode::probe));
  ExitPolicy other;
  other.thresholds = {0.01, 0.2, kAlwaysLeave};
  const auto replayed = engine->replay(records, other);
  engine->reset();
  engine->set_policy(other);
  bool changed = false;
  for (int i = 0; i < 10; ++i) {
    const auto again = engine->step(input(i), RunMode::policy);
    const auto& what_if = *replayed[static_cast<std::size_t>(i)];
    QCOMPARE(what_if.exit_layer, again->exit_layer);
    QCOMPARE(what_if.frame, again->frame);
    for (std::size_t k = 0; k < 6; ++k) QVERIFY(std::abs(what_if.action[k] - again->action[k]) <= 1e-5F);
    changed |= what_if.exit_layer != records[static_cast<std::size_t>(i)]->exit_layer;
  }
  QVERIFY2(changed, "the two policies never differed: the comparison shows nothing");
  std::stop_source stop;
  stop.request_stop();
  QVERIFY_THROWS_EXCEPTION(Cancelled, engine->replay(records, other, stop.get_token()));
  // Without the features nothing can be replayed.
  engine->reset();
  const std::vector<FrameRecordPtr> shallow{engine->step(input(0), RunMode::policy)};
  if (shallow[0]->exit_layer != 5) DEER_VERIFY_ERROR(engine->replay(shallow, other), "probe mode");
}

void EngineTest::the_head_alone_replays() {
  const auto whole = Engine::load(kDemo);
  std::vector<FrameRecordPtr> records;
  for (int i = 0; i < 6; ++i) records.push_back(whole->step(input(i), RunMode::probe));
  EngineOptions options;
  options.head_only = true;
  const auto head = Engine::load(kDemo, options);
  QCOMPARE(head->summary().exit_layers, whole->summary().exit_layers);
  QCOMPARE(head->summary().layers, whole->summary().layers);
  QVERIFY(head->summary().unused_tensors.empty() && head->summary().config);
  QVERIFY(head->summary().weight_bytes > 0 && head->summary().weight_bytes < whole->summary().weight_bytes);
  auto policy = whole->policy();
  for (const double threshold : {0.01, 0.05}) {
    policy.thresholds.assign(policy.thresholds.size(), threshold);
    const auto a = whole->replay(records, policy);
    const auto b = head->replay(records, policy);
    for (std::size_t i = 0; i < a.size(); ++i) {
      QCOMPARE(a[i]->exit_layer, b[i]->exit_layer);
      QCOMPARE(a[i]->action, b[i]->action);
    }
  }
  DEER_VERIFY_ERROR(head->step(input(0), RunMode::probe), "only the action heads");
  options.max_layer = 4;
  QCOMPARE(Engine::load(kDemo, options)->summary().exit_layers, (std::vector<int>{1, 3}));
  options.max_layer.reset();
  // No tokenizer is needed.
  deer::test::TemporaryFolder folder;
  for (const char* name : {"config.json", "model.safetensors"}) fs::copy(kDemo / name, folder / name);
  QCOMPARE(Engine::load(folder.path(), options)->summary().weight_bytes, head->summary().weight_bytes);
}

void EngineTest::probe_and_policy_agree() {
  const auto engine = Engine::load(kDemo);
  std::vector<FrameRecordPtr> probed;
  for (int i = 0; i < 8; ++i) probed.push_back(engine->step(input(i), RunMode::probe));
  engine->reset();
  for (int i = 0; i < 8; ++i) {
    const auto record = engine->step(input(i), RunMode::policy);
    QCOMPARE(record->exit_layer, probed[static_cast<std::size_t>(i)]->exit_layer);
    QCOMPARE(record->command, probed[static_cast<std::size_t>(i)]->command);
    QVERIFY(record->times.vision_ms > 0 && record->times.llm_ms > 0 && record->times.head_ms > 0);
  }
}

void EngineTest::a_new_instruction_starts_anew() {
  const auto engine = Engine::load(kDemo);
  for (int i = 0; i < 3; ++i) QCOMPARE(engine->step(input(i), RunMode::policy)->step, i);
  const auto switched = engine->step(input(7, "close the drawer"), RunMode::policy);
  QCOMPARE(switched->step, 0);
  engine->reset();
  QCOMPARE(engine->step(input(7, "close the drawer"), RunMode::policy)->action, switched->action);
}

void EngineTest::pictures_that_did_not_change() {
  const auto engine = Engine::load(kDemo);
  const auto seen = input(0);
  QCOMPARE(engine->step(seen, RunMode::probe)->times.reused_pictures, 0);
  // The robot stands still, and then is told something else.
  for (const auto& [number, text] : {std::pair{1, "open the drawer"}, {2, "open the drawer"}, {3, "push the button"}}) {
    const auto fresh = Engine::load(kDemo);
    fresh->restore(engine->state());
    const FrameInput frame{number, seen.rgb_static, seen.rgb_gripper, text};
    const auto again = engine->step(frame, RunMode::probe), expected = fresh->step(frame, RunMode::probe);
    QCOMPARE(again->times.reused_pictures, 2);
    QCOMPARE(expected->times.reused_pictures, 0);
    QVERIFY(again->action == expected->action && again->exit_layer == expected->exit_layer);
    QVERIFY(again->exits.back().feature == expected->exits.back().feature);
  }
}

void EngineTest::a_rollout_continues_elsewhere_data() {
  QTest::addColumn<int>("executions");
  QTest::addColumn<int>("steps_per_stage");
  QTest::newRow("plain") << 1 << 1;
  QTest::newRow("in the middle of a repeated prediction") << 3 << 1;
  QTest::newRow("in the middle of a held exit") << 1 << 3;
}

void EngineTest::a_rollout_continues_elsewhere() {
  QFETCH(int, executions);
  QFETCH(int, steps_per_stage);
  auto policy = Engine::load(kDemo)->policy();
  policy.executions = executions;
  policy.steps_per_stage = steps_per_stage;
  const auto whole = Engine::load(kDemo);
  const auto first = Engine::load(kDemo);
  const auto second = Engine::load(kDemo);
  for (auto* engine : {whole.get(), first.get(), second.get()}) engine->set_policy(policy);
  for (int i = 0; i < 5; ++i) {
    whole->step(input(i), RunMode::policy);
    first->step(input(i), RunMode::policy);
  }
  second->restore(first->state());
  for (int i = 5; i < 10; ++i) {
    const auto expected = whole->step(input(i), RunMode::policy);
    const auto found = second->step(input(i), RunMode::policy);
    QCOMPARE(found->step, i);
    QCOMPARE(found->exit_layer, expected->exit_layer);
    QCOMPARE(found->reason, expected->reason);
    QCOMPARE(found->action, expected->action);
    QCOMPARE(found->command, expected->command);
  }
  second->restore({});
  QCOMPARE(second->step(input(0), RunMode::policy)->step, 0);
}

void EngineTest::rollouts_on_the_same_weights() {
  auto engine = Engine::load(kDemo);
  auto policy = engine->policy();
  policy.thresholds = {0.01, 0.05, kAlwaysLeave};
  engine->set_policy(policy);
  engine->step(input(0), RunMode::policy);
  const auto other = engine->another();
  QVERIFY(other->policy() == policy);
  QCOMPARE(other->step(input(3), RunMode::policy)->step, 0);
  QCOMPARE(engine->step(input(1), RunMode::policy)->step, 1);
  engine.reset();
  const auto alone = Engine::load(kDemo);
  alone->set_policy(policy);
  alone->step(input(3), RunMode::policy);
  QCOMPARE(other->step(input(4), RunMode::policy)->action, alone->step(input(4), RunMode::policy)->action);
}

void EngineTest::a_state_that_does_not_fit() {
  const auto engine = Engine::load(kDemo);
  const auto quiet = Engine::load(kDemo);
  engine->step(input(0), RunMode::policy);
  quiet->step(input(0), RunMode::policy);
  const auto good = engine->state();
  auto bad = good;
  bad.h.push_back(0);
  DEER_VERIFY_ERROR(engine->restore(bad), "numbers");
  bad = good;
  bad.state_layers = 0;
  DEER_VERIFY_ERROR(engine->restore(bad), "0 layers");
  bad = good;
  bad.c[0] = std::numeric_limits<float>::infinity();
  DEER_VERIFY_ERROR(engine->restore(bad), "not numbers");
  bad = good;
  bad.held_layer = 6;
  DEER_VERIFY_ERROR(engine->restore(bad), "a layer that the model");
  bad = good;
  bad.repeated = RolloutState::Repeated{};
  DEER_VERIFY_ERROR(engine->restore(bad), "an action of 0 numbers");
  QCOMPARE(engine->step(input(1), RunMode::policy)->action, quiet->step(input(1), RunMode::policy)->action);
  EngineOptions options;
  options.head_only = true;
  DEER_VERIFY_ERROR(Engine::load(kDemo, options)->restore(good), "only the action heads");
}

void EngineTest::cancel_leaves_the_state() {
  const auto engine = Engine::load(kDemo);
  const auto quiet = Engine::load(kDemo);
  std::stop_source stop;
  stop.request_stop();
  for (int i = 0; i < 3; ++i) {
    QVERIFY_THROWS_EXCEPTION(Cancelled, engine->step(input(9), RunMode::probe, stop.get_token()));
    QCOMPARE(engine->step(input(i), RunMode::probe)->action, quiet->step(input(i), RunMode::probe)->action);
  }
}

void EngineTest::broken_input_is_named() {
  const auto engine = Engine::load(kDemo);
  auto frame = input(4);
  frame.rgb_gripper = nullptr;
  DEER_VERIFY_ERROR(engine->step(frame, RunMode::policy), "frame 4 has no gripper camera");
  frame = input(5);
  frame.rgb_static = std::make_shared<Image>();
  DEER_VERIFY_ERROR(engine->step(frame, RunMode::policy), "image");
  DEER_VERIFY_ERROR(engine->step(input(6, std::string("\xff\xfe")), RunMode::policy), "UTF-8");
  ExitPolicy policy;
  policy.thresholds = {1};
  DEER_VERIFY_ERROR(engine->set_policy(policy), "1 thresholds given");
}

void EngineTest::models_that_cannot_be_opened() {
  test::TemporaryFolder folder;
  DEER_VERIFY_ERROR(Engine::load(folder.path()), "it is empty");
  fs::copy(kDemo, folder / "copy");
  fs::remove(folder / "copy" / "tokenizer.json");
  DEER_VERIFY_ERROR(Engine::load(folder / "copy"), "tokenizer.json");
  folder.write("copy/tokenizer.json", "{}");
  DEER_VERIFY_ERROR(Engine::load(folder / "copy"), "tokenizer.json");
  fs::resize_file(folder / "copy" / "model.safetensors", 100'000);
  DEER_VERIFY_ERROR(Engine::load(folder / "copy"), "model.safetensors");
  EngineOptions options;
  options.device = "cuda:99";
  DEER_VERIFY_ERROR(Engine::load(kDemo, options), "cuda:99");
}

void EngineTest::fewer_layers_can_be_loaded() {
  test::TemporaryFolder folder;
  EngineOptions options;
  options.max_layer = 4;
  const auto engine = Engine::load(kDemo, options);
  QCOMPARE(engine->summary().exit_layers, (std::vector<int>{1, 3}));
  QCOMPARE(engine->summary().layers, 4);
  QVERIFY(engine->step(input(0), RunMode::probe)->exit_layer <= 3);
}

void EngineTest::a_model_without_a_shared_head_can_be_probed() {
  test::TemporaryFolder folder;
  fs::copy(kDemo, folder / "single");
  auto config = read_json(kDemo / "config.json");
  config["multi_exit"] = false;
  config.erase("suggested_thresholds");
  folder.write("single/config.json", config.dump());
  const auto engine = Engine::load(folder / "single");
  QCOMPARE(engine->summary().exit_layers, (std::vector<int>{5}));
  const auto record = engine->step(input(0), RunMode::probe);
  QCOMPARE(record->exit_layer, 5);
  QVERIFY(record->predecessor.feature.empty());
}

void EngineTest::only_the_first_line_of_an_instruction_counts() {
  const auto engine = Engine::load(kDemo);
  const auto plain = engine->step(input(0, "open the drawer"), RunMode::policy);
  QCOMPARE(engine->step(input(0, "open the drawer\nnow"), RunMode::policy)->action, plain->action);
}

void EngineTest::a_model_too_large_says_what_it_needs() {
  // A file with holes: 275 GB long, a few kilobytes on the disk.
  test::TemporaryFolder folder;
  constexpr std::int64_t kRows = std::int64_t{1} << 20;
  constexpr std::int64_t kWidth = std::int64_t{1} << 16;
  auto config = read_json(kDemo / "config.json");
  config["llm"]["d_model"] = kWidth;
  config["tokenizer"]["length"] = kRows;
  config["tokenizer"]["embedding_rows_after_resize"] = kRows;
  folder.write("large/config.json", config.dump());
  fs::copy(kDemo / "tokenizer.json", folder / "large" / "tokenizer.json");
  std::string header = Json{{"lang_encoder.transformer.wte.weight",
                             {{"dtype", "F32"}, {"shape", {kRows, kWidth}}, {"data_offsets", {0, 4 * kRows * kWidth}}}}}
                           .dump();
  header.append((8 - header.size() % 8) % 8, ' ');
  std::string head(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) head[i] = static_cast<char>(header.size() >> (8 * i));
  const auto file = folder.write("large/model.safetensors", head + header);
  fs::resize_file(file, 8 + header.size() + static_cast<std::uintmax_t>(4 * kRows * kWidth));
  const auto message = test::error_of([&] { Engine::load(folder / "large"); });
  QVERIFY2(message.find("needs 137439 MB") != std::string::npos && message.find("are free") != std::string::npos,
           message.c_str());
}

DEER_SUITE(EngineTest)
#include "tst_engine.moc"
