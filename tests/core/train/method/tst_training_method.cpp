// SPDX-License-Identifier: GPL-3.0-or-later
// Losses, sampling, schedules and groups. The reference's own numbers are compared in tst_parity.
#include <QTest>
#include <cmath>

#include "core/base/crc.h"
#include "core/base/error.h"
#include "core/train/method/optimizer.h"
#include "core/train/run/learning_rate.h"
#include "core/train/run/tensorboard_log.h"
#include "core/train/run/torch_checkpoint.h"
#include "core/train/run/training_log.h"
#include "tests/core/train/run/toy_training.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

class TrainingMethodTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void heads_equal_the_action_head_of_inference();
  void dropout_stands_where_the_mode_says();
  void exits_are_drawn_uniformly();
  void mixed_histories_take_the_drawn_exits();
  void padding_can_be_kept_out_of_pooling();
  void loss_is_huber_plus_weighted_cross_entropy();
  void schedules_warm_up_and_fall();
  void learning_rate_scales_as_the_reference();
  void groups_split_by_stage();
  void gradients_do_not_depend_on_the_number_of_threads();
  void parts_add_up();
  void a_new_model_is_the_same_for_the_same_seed();
  void optimizer_state_goes_on();
  void clipping_scales_to_the_norm();
  void the_log_drops_rows_that_will_be_written_again();
  void checksums_are_the_standard_ones();
  void a_reference_checkpoint_reads_back();
  void tensorboard_events_are_framed_records();
};

void TrainingMethodTest::heads_equal_the_action_head_of_inference() {
  const auto model = toy_model();
  const auto features = at::randn({3, 2, 5, 16}) * 2;
  const auto* first = model.network().head_of_layer(1);
  const auto* last = model.network().head_of_layer(3);
  const auto* shared = model.network().shared_head();
  QVERIFY(first != nullptr && last != nullptr && shared != nullptr);
  const auto all = run_heads({first, last, shared}, features);
  std::int64_t i = 0;
  for (const auto* head : {first, last, shared}) {
    const auto one = head->window(features[i]);
    QVERIFY(at::allclose(all.arm[i], one.arm, 0, 2e-6));
    QVERIFY(at::allclose(all.gripper_logit[i], one.gripper_logit, 0, 2e-6));
    ++i;
  }
  QVERIFY_THROWS_EXCEPTION(Error, run_heads({first}, features));
}

void TrainingMethodTest::dropout_stands_where_the_mode_says() {
  // In "last" mode only the output layer's input is dropped: with everything dropped there, what is left
  // is its bias. In "wo_last" mode the last linear sees all its inputs.
  auto config = toy_config();
  config.head.mlp_layernorm = config.head.lstm_layernorm = false;
  for (const auto mode : {DropoutMode::last, DropoutMode::layerwise}) {
    config.head.dropout_mode = mode;
    const auto model = toy_model(3, config);
    const auto* head = model.network().shared_head();
    constexpr double kNearlyAll = 1 - 1e-7;
    HeadDropout dropout{kNearlyAll, 0, mode, at::make_generator<at::CPUGeneratorImpl>(4)};
    const auto out = run_heads({head}, at::randn({1, 2, 3, 16}), dropout);
    const auto bias = at::tanh(head->arm().back().bias).view({1, 1, 1, 6});
    QVERIFY(at::allclose(out.arm, bias.expand_as(out.arm), 0, 1e-6));
  }
  // Dropout keeps the mean.
  at::manual_seed(5);
  const auto model = toy_model(3);
  const auto* head = model.network().shared_head();
  HeadDropout light{0.2, 0.2, DropoutMode::layerwise, at::make_generator<at::CPUGeneratorImpl>(4)};
  const auto features = at::randn({1, 1, 4, 16});
  const auto dropped = run_heads({head}, features.expand({1, 4000, 4, 16}), light).gripper_logit.mean(1);
  const auto plain = run_heads({head}, features).gripper_logit.squeeze(1);
  QVERIFY(!at::equal(dropped, plain));
  QVERIFY(at::allclose(dropped, plain, 0, 0.1));
}

void TrainingMethodTest::exits_are_drawn_uniformly() {
  constexpr std::int64_t kExits = 4;
  constexpr std::int64_t kWindow = 12;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(8);
  const auto many = sample_exits(kExits, 4000, kWindow, generator);
  const auto shares = at::bincount(many.every_frame.flatten(), {}, kExits).to(at::kDouble) / (4000.0 * kWindow);
  QVERIFY((shares - 0.25).abs().max().item<double>() < 0.01);
  const auto pairs = many.before_and_after.select(1, 0) * kExits + many.before_and_after.select(1, 1);
  const auto pair_shares = at::bincount(pairs, {}, kExits * kExits).to(at::kDouble) / 4000.0;
  QVERIFY((pair_shares - 1.0 / 16).abs().max().item<double>() < 0.02);
  std::vector<int> switches(kWindow + 1);
  for (int i = 0; i < 6000; ++i)
    ++switches[static_cast<std::size_t>(sample_exits(2, 1, kWindow, generator).switch_frame)];
  QCOMPARE(switches[0], 0);
  for (std::size_t i = 1; i < switches.size(); ++i) QVERIFY(std::abs(switches[i] - 500) < 120);
}

void TrainingMethodTest::mixed_histories_take_the_drawn_exits() {
  const auto features = at::arange(3 * 2 * 4).view({3, 2, 4, 1}).to(at::kFloat);  // exit, window, step
  ExitSample sample;
  sample.every_frame = at::tensor(std::vector<std::int64_t>{0, 2, 1, 0, 1, 1, 2, 0}).view({2, 4});
  sample.before_and_after = at::tensor(std::vector<std::int64_t>{2, 0, 1, 1}).view({2, 2});
  sample.switch_frame = 3;
  QVERIFY(at::equal(mix_every_frame(features, sample).flatten(),
                    at::tensor(std::vector<float>{0, 17, 10, 3, 12, 13, 22, 7})));
  QVERIFY(at::equal(mix_before_and_after(features, sample).flatten(),
                    at::tensor(std::vector<float>{16, 17, 18, 3, 12, 13, 14, 15})));
}

void TrainingMethodTest::padding_can_be_kept_out_of_pooling() {
  const auto model = toy_model();
  const ToyWindows windows(6);
  const std::vector<std::int64_t> one{2};
  auto padded = windows.batch(one, 0);  // word 2: the shortest prompt
  auto plain = padded;
  plain.input_ids = padded.input_ids.narrow(1, 0, 4);
  plain.attention_mask = padded.attention_mask.narrow(1, 0, 4);
  const auto alone = window_features(model, plain, {1, 3}).by_layer.at(3);
  const auto excluded = window_features(model, padded, {1, 3}, PaddingInPooling::excluded).by_layer.at(3);
  const auto included = window_features(model, padded, {1, 3}, PaddingInPooling::included).by_layer.at(3);
  QVERIFY(at::allclose(alone, excluded, 0, 1e-5));
  QVERIFY(!at::allclose(alone, included, 0, 1e-2));
}

void TrainingMethodTest::loss_is_huber_plus_weighted_cross_entropy() {
  HeadOutputs outputs{at::zeros({2, 1, 1, 6}), at::zeros({2, 1, 1})};
  outputs.arm[1].fill_(2.5);
  outputs.gripper_logit[1].fill_(2);
  auto actions = at::zeros({1, 1, 7});
  actions.select(2, 6).fill_(1);
  const auto loss = multi_exit_loss(outputs, actions, 0.5);
  QCOMPARE(loss.arm[0].item<float>(), 0.0f);
  QCOMPARE(loss.arm[1].item<float>(), 2.0f);  // |2.5| - 0.5
  QVERIFY(std::abs(loss.gripper[0].item<double>() - std::log(2.0)) < 1e-6);
  QVERIFY(std::abs(loss.gripper[1].item<double>() - std::log1p(std::exp(-2.0))) < 1e-6);
  const double expected = 2.0 + 0.5 * (std::log(2.0) + std::log1p(std::exp(-2.0)));
  QVERIFY(std::abs(loss.total.item<double>() - expected) < 1e-6);
}

void TrainingMethodTest::schedules_warm_up_and_fall() {
  QCOMPARE(schedule_factor(Schedule::constant, 0, 100, 10), 0.0);
  QCOMPARE(schedule_factor(Schedule::constant, 5, 100, 10), 0.5);
  QCOMPARE(schedule_factor(Schedule::constant, 99, 100, 10), 1.0);
  QCOMPARE(schedule_factor(Schedule::constant, 0, 100, 0), 1.0);
  QCOMPARE(schedule_factor(Schedule::linear, 10, 110, 10), 1.0);
  QCOMPARE(schedule_factor(Schedule::linear, 60, 110, 10), 0.5);
  QCOMPARE(schedule_factor(Schedule::linear, 110, 110, 10, 0.2), 0.2);
  QVERIFY(std::abs(schedule_factor(Schedule::cosine, 60, 110, 10, 0.2) - 0.6) < 1e-12);
  QVERIFY_THROWS_EXCEPTION(Error, parse_schedule("step"));
}

void TrainingMethodTest::learning_rate_scales_as_the_reference() {
  QCOMPARE(scaled_learning_rate(0.024, 2, 1), 0.001);
  QCOMPARE(scaled_learning_rate(1e-4, 6, 8), 1e-4);
}

void TrainingMethodTest::groups_split_by_stage() {
  const auto model = toy_model();
  std::vector<std::string> names;
  for (const auto& [name, tensor] : model.parameters()) {
    if (trains(TrainingStage::joint, name, true)) names.push_back(name);
    QVERIFY(!trains(TrainingStage::joint, name) || !name.starts_with("vision_encoder."));
    QCOMPARE(trains(TrainingStage::exit, name, true), is_head_parameter(name));
    QCOMPARE(trains(TrainingStage::joint, name, true, false),
             trains(TrainingStage::joint, name, true) && !name.starts_with("perceiver."));
  }
  GroupOptions options;
  options.learning_rate = 1;
  const auto groups = parameter_groups(TrainingStage::joint, names, options);
  QCOMPARE(groups.size(), std::size_t{4});
  const auto holds = [&](std::size_t group, const char* name) {
    const auto& list = groups[group].parameters;
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  const std::string block = "lang_encoder.transformer.blocks.0.";
  QVERIFY(holds(0, (block + "gated_cross_attn_layer.ff.0.weight").c_str()));
  QVERIFY(holds(1, (block + "gated_cross_attn_layer.attn.norm.weight").c_str()));
  QVERIFY(holds(0, (block + "decoder_layer.attn.Wqkv.weight").c_str()));
  QVERIFY(holds(1, (block + "decoder_layer.ln_1.weight").c_str()));
  QVERIFY(holds(1, (block + "decoder_layer.attn.q_ln.weight").c_str()));
  QVERIFY(holds(1, "perceiver.latents"));
  QVERIFY(holds(3, "lm_head.rnn.layers.0.weight_ih_l0"));
  QVERIFY(groups[2].parameters.empty());
  QCOMPARE(groups[3].learning_rate, 0.25);
  options.decay_heads = true;
  const auto exit = parameter_groups(TrainingStage::exit, {"lm_head.rnn.layers.0.weight_ih_l0"}, options);
  QCOMPARE(exit.size(), std::size_t{2});
  QCOMPARE(exit[0].parameters.size(), std::size_t{1});
  QCOMPARE(exit[0].learning_rate, 1.0);
}

void TrainingMethodTest::gradients_do_not_depend_on_the_number_of_threads() {
  const ToyWindows windows(16);
  std::vector<BatchPart> parts;
  for (std::int64_t i = 0; i < 4; ++i) {
    BatchPart part;
    const std::vector<std::int64_t> pair{2 * i, 2 * i + 1};
    part.batch = windows.batch(pair, 0);
    part.sample = sample_exits(2, 2, 6, at::make_generator<at::CPUGeneratorImpl>(static_cast<std::uint64_t>(i)));
    part.weight = 0.25;
    parts.push_back(part);
  }
  ParameterMap first;
  for (const int workers : {1, 3}) {
    auto model = toy_model();
    model.set_trainable([](const std::string& name) { return trains(TrainingStage::joint, name, true); });
    BatchGradients gradients(model, {}, workers);
    const auto loss = gradients.accumulate(parts);
    QCOMPARE(loss.arm.size(), std::size_t{4});
    ParameterMap found;
    for (const auto& [name, tensor] : model.trainable()) found[name] = tensor.grad();
    if (first.empty()) {
      first = found;
    } else {
      QVERIFY(largest_difference(first, found) < 1e-6);
    }
  }
}

// The same part twice gives twice the gradient, for every parameter: none share memory.
void TrainingMethodTest::parts_add_up() {
  auto model = toy_model();
  model.set_trainable([](const std::string& name) { return trains(TrainingStage::joint, name, true); });
  BatchPart part;
  const std::vector<std::int64_t> pair{3, 4};
  part.batch = ToyWindows(8).batch(pair, 0);
  part.sample = sample_exits(2, 2, 6, at::make_generator<at::CPUGeneratorImpl>(1));
  BatchGradients gradients(model, {}, 1);
  gradients.accumulate({part});
  ParameterMap once;
  for (const auto& [name, tensor] : model.trainable()) once[name] = tensor.grad().clone();
  gradients.accumulate({part, part});
  for (const auto& [name, tensor] : model.trainable()) {
    const double scale = once.at(name).abs().max().item<double>();
    QVERIFY2((tensor.grad() - 3 * once.at(name)).abs().max().item<double>() <= 1e-5 * scale + 1e-9, name.c_str());
  }
}

void TrainingMethodTest::a_new_model_is_the_same_for_the_same_seed() {
  const auto config = toy_config();
  const auto a = initial_parameters(config, {.seed = 1, .gate = 0.25});
  const auto b = initial_parameters(config, {.seed = 1, .gate = 0.25});
  const auto c = initial_parameters(config, {.seed = 2, .gate = 0.25});
  QCOMPARE(largest_difference(a, b), 0.0);
  QVERIFY(largest_difference(a, c) > 0.1);
  QCOMPARE(a.at("lang_encoder.transformer.blocks.2.gated_cross_attn_layer.attn_gate").item<float>(), 0.25f);
  QVERIFY(at::equal(a.at("lang_encoder.transformer.blocks.2.decoder_layer.ln_1.weight"), at::ones({16})));
  const ParameterMap tower{{"vision_encoder.visual.class_embedding", at::full({8}, 3.0)}};
  const auto kept = initial_parameters(config, {}, tower);
  QVERIFY(at::equal(kept.at("vision_encoder.visual.class_embedding"), at::full({8}, 3.0)));
}

void TrainingMethodTest::optimizer_state_goes_on() {
  const auto make = [] {
    ParameterMap out{{"lm_head.a", at::ones({3})}, {"perceiver.b", at::ones({2, 2})}};
    for (auto& [name, tensor] : out) tensor.set_requires_grad(true);
    return out;
  };
  const auto groups = parameter_groups(TrainingStage::joint, {"lm_head.a", "perceiver.b"}, {});
  const auto step = [](ParameterMap& parameters, Optimizer& optimizer, double value) {
    for (auto& [name, tensor] : parameters) tensor.mutable_grad() = at::full_like(tensor.detach(), value);
    optimizer.step();
  };
  auto straight = make();
  Optimizer whole(straight, groups);
  for (const double value : {0.3, -1.0, 2.0}) step(straight, whole, value);

  auto broken = make();
  Optimizer before(broken, groups);
  step(broken, before, 0.3);
  const auto state = before.state();
  Optimizer after(broken, groups);
  after.set_state(state);
  for (const double value : {-1.0, 2.0}) step(broken, after, value);
  QCOMPARE(largest_difference(straight, broken), 0.0);
  auto wrong = state;
  wrong["exp_avg.lm_head.a"] = at::ones({5});
  QVERIFY_THROWS_EXCEPTION(Error, after.set_state(wrong));
}

void TrainingMethodTest::clipping_scales_to_the_norm() {
  ParameterMap parameters{{"a", at::zeros({2})}, {"b", at::zeros({1})}};
  for (auto& [name, tensor] : parameters) tensor.set_requires_grad(true);
  parameters["a"].mutable_grad() = at::tensor(std::vector<float>{3, 0});
  parameters["b"].mutable_grad() = at::tensor(std::vector<float>{4});
  QCOMPARE(clip_gradients(parameters, 10), 5.0);
  QCOMPARE(parameters["b"].grad().item<float>(), 4.0f);
  QCOMPARE(clip_gradients(parameters, 1), 5.0);
  QVERIFY(std::abs(parameters["b"].grad().item<float>() - 0.8f) < 1e-5f);
}

void TrainingMethodTest::the_log_drops_rows_that_will_be_written_again() {
  const TemporaryFolder folder;
  const auto file = folder.path() / "log.csv";
  {
    TrainingLog log(file, {"loss"}, {}, "joint", 0);
    for (int step = 1; step <= 5; ++step) log.add(step, {0.5 * step});
    QVERIFY_THROWS_EXCEPTION(FileError, log.add(6, {1, 2}));
  }
  // A row that was cut off while it was written is written again.
  std::ofstream(file, std::ios::app) << "joint,3";
  { TrainingLog(file, {"loss"}, {}, "joint", 3).add(4, {9}); }
  { TrainingLog(file, {"loss"}, {"joint"}, "exit", 0).add(1, {7}); }
  std::ifstream in(file);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  QCOMPARE(text, std::string("stage,step,loss\njoint,1,0.5\njoint,2,1\njoint,3,1.5\njoint,4,9\nexit,1,7\n"));
}

void TrainingMethodTest::checksums_are_the_standard_ones() {
  const std::string digits = "123456789";
  const auto bytes = std::as_bytes(std::span(digits));
  QCOMPARE(crc32_of(bytes), 0xCBF43926U);
  QCOMPARE(crc32c_of(bytes), 0xE3069283U);
  QCOMPARE(crc32c_of(bytes.subspan(4), crc32c_of(bytes.first(4))), 0xE3069283U);
}

void TrainingMethodTest::a_reference_checkpoint_reads_back() {
  const TemporaryFolder folder;
  const auto model = toy_model();
  const ParameterMap average{{"perceiver.latents", at::full({3, 8}, 0.5)}};
  save_reference_checkpoint(folder / "model.pth", model, average, 4);
  const auto archive = TensorArchive::open(folder / "model.pth");
  std::size_t expected = 0;
  for (const auto& [name, parameter] : model.parameters()) {
    if (name.starts_with("vision_encoder.")) continue;
    ++expected;
    const auto it = average.find(name);
    QVERIFY(at::equal(archive->read("module." + name), it == average.end() ? parameter : it->second));
  }
  QCOMPARE(archive->entries().size(), expected);
  QCOMPARE(archive->fields().at("early_exit_layer").get<int>(), 3);
  QCOMPARE(archive->fields().at("exit_interval").get<int>(), 2);
  QCOMPARE(archive->fields().at("dropout_mode").get<std::string>(), std::string("layerwise"));
  QCOMPARE(archive->fields().at("multi_exit").get<bool>(), true);
  QCOMPARE(archive->fields().at("epoch").get<int>(), 4);
}

void TrainingMethodTest::tensorboard_events_are_framed_records() {
  const TemporaryFolder folder;
  { TensorboardLog(folder.path()).add(300, {"loss"}, {0.5}); }
  const auto file = std::filesystem::directory_iterator(folder.path())->path();
  QVERIFY(file.filename().string().starts_with("events.out.tfevents."));
  std::ifstream in(file, std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(in)), {});
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::uint64_t out = 0;
    for (std::size_t i = bytes; i-- > 0;) out = out << 8 | static_cast<unsigned char>(all.at(at + i));
    return out;
  };
  const auto masked = [&](std::size_t at, std::size_t bytes) {
    const auto crc = crc32c_of(std::as_bytes(std::span(all)).subspan(at, bytes));
    return static_cast<std::uint64_t>(((crc >> 15) | (crc << 17)) + 0xa282ead8U);
  };
  std::vector<std::string> records;
  for (std::size_t at = 0; at < all.size();) {
    const auto length = number(at, 8);
    QCOMPARE(number(at + 8, 4), masked(at, 8));
    QCOMPARE(number(at + 12 + length, 4), masked(at + 12, length));
    records.push_back(all.substr(at + 12, length));
    at += 16 + length;
  }
  QCOMPARE(records.size(), std::size_t{2});
  QVERIFY(
      records[0].ends_with("\x1a\x0d"
                           "brain.Event:2"));
  // step 300 as a varint; a summary of 13 bytes with one value of 11: tag "loss", 0.5 as a float.
  const std::string expected(
      "\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04"
      "loss"
      "\x15\x00\x00\x00\x3f",
      18);
  QVERIFY(records[1].ends_with(expected));
}

DEER_SUITE(TrainingMethodTest)
#include "tst_training_method.moc"
