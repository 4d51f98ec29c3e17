// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <fstream>

#include "core/model/weights/tensor_archive.h"
#include "core/train/data/frame_store_build.h"
#include "core/train/run/word_tokenizer.h"
#include "core/train/vision/resampler_pretraining.h"
#include "core/train/vision/vision_points.h"
#include "core/train/vision/vision_pretraining.h"
#include "core/train/vision/vision_targets.h"
#include "core/train/vision/vision_tower_pass.h"
#include "core/train/windows/calvin_windows.h"
#include "core/train/windows/token_cache.h"
#include "tests/core/train/data/drawn_recording.h"
#include "tests/support/suite.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace deer::test;

namespace {

constexpr VisionConfig kSmall{.image_size = 32, .patch_size = 8, .width = 32, .layers = 2, .heads = 2, .mlp_width = 64};

VisionPretrainingOptions small_run(std::int64_t steps) {
  VisionPretrainingOptions options;
  options.vision = kSmall;
  options.steps = steps;
  options.frames_per_step = 16;
  options.frames_per_pass = 4;
  options.warmup_steps = 10;
  options.learning_rate = 2e-3;
  options.validate_every = 1000;
  options.static_shift = 1;
  options.workers = 2;
  options.point_weight = 0;
  options.seed = 3;
  return options;
}

SavedTower random_tower(const VisionConfig& config, std::uint64_t seed) {
  const FlatParameters parameters(vision_tower_specs(config), seed);
  return freeze_vision_tower(config, parameters.views(parameters.values()));
}

double error_of_quantity(const VisionValidation& validation, const std::string& camera, const std::string& name) {
  for (const auto& error : validation.errors) {
    if (error.camera == camera && error.quantity == name) return error.error;
  }
  throw std::runtime_error("no quantity " + name);
}

}  // namespace

class TestVisionPretraining : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void towerPassEqualsTheEncoder();
  void targetsAreInTheRightFrame();
  void pointsLieInThePicture();
  void errorsAreInPhysicalUnits();
  void lossFalls();
  void resamplerIsTaughtAlong();
  void resumeEqualsUninterrupted();
  void refusesWhatDoesNotFit();
  void cacheEqualsTheTower();
  void cacheVariantsAreShifted();
  void cacheIsMadeAnewForAnotherTower();
  void refusesBrokenCaches();
  void windowsOfTokens();
  void windowsAreRelabelled();

 private:
  TemporaryFolder folder_;
  std::shared_ptr<const FrameStore> store_;
};

void TestVisionPretraining::initTestCase() {
  record_drawings(folder_ / "data" / "training", {.segments = 8, .frames = 40, .seed = 1, .shortest_span = 14});
  FrameStoreOptions options;
  options.image_size = 32;
  store_ = make_frame_store(folder_ / "store", {folder_ / "data"}, options);
}

void TestVisionPretraining::towerPassEqualsTheEncoder() {
  for (const bool quick_gelu : {true, false}) {
    // Heads of 16, of 24 and of 12 numbers, the last too odd for the kernels; lengths that fill no vector.
    for (const std::int64_t width : {32, 48, 24}) {
      auto config = kSmall;
      config.width = width;
      config.quick_gelu = quick_gelu;
      const FlatParameters parameters(vision_tower_specs(config), 5);
      auto gradients = at::zeros_like(parameters.values());
      const auto leaves = parameters.leaves(parameters.values(), gradients);
      const auto images = at::randn({3, 3, 32, 32});
      const auto towards = at::randn({3, 16, width});

      const auto encoder = make_vision_tower(config, leaves, at::kFloat);
      const auto expected = encoder.forward(images).tokens;
      expected.backward(towards);
      const auto expected_gradients = gradients.clone();
      gradients.zero_();
      const auto tokens = tower_tokens(config, leaves, leaves, images);
      tokens.backward(towards);
      QVERIFY(at::allclose(tokens, expected, 1e-4, 1e-5));
      const auto scale = expected_gradients.abs().max().item<float>();
      QVERIFY((gradients - expected_gradients).abs().max().item<float>() < 1e-5f * std::max(1.0f, scale));

      auto half_gradients = at::zeros_like(parameters.values(), at::kBFloat16);
      const auto half = parameters.leaves(parameters.values().to(at::kBFloat16), half_gradients);
      gradients.zero_();
      const auto rough = tower_tokens(config, leaves, half, images);
      QCOMPARE(rough.scalar_type(), at::kFloat);
      rough.backward(towards);
      const auto relative = [](const at::Tensor& a, const at::Tensor& b) {
        return ((a - b).norm() / b.norm()).item<float>();
      };
      QVERIFY(relative(rough, expected) < 0.02f);
      QVERIFY(relative(gradients + half_gradients.to(at::kFloat), expected_gradients) < 0.03f);
    }
  }
}

void TestVisionPretraining::targetsAreInTheRightFrame() {
  auto robot = at::zeros({1, 15});
  auto scene = at::zeros({1, 24});
  const double half_turn = std::acos(-1.0);
  // TCP at (1, 2, 3), turned a quarter to the left; the red block 0.1 m along the world's y.
  robot[0][0] = 1, robot[0][1] = 2, robot[0][2] = 3, robot[0][5] = half_turn / 2;
  scene[0][6] = 1, scene[0][7] = 2.1, scene[0][8] = 3, scene[0][11] = half_turn / 6;
  const auto column = [](const CameraTargets& targets, const std::string& name) {
    for (const auto& quantity : targets.quantities) {
      if (quantity.name == name) return targets.values.narrow(1, quantity.column, quantity.columns)[0];
    }
    throw std::runtime_error("no " + name);
  };
  const auto fixed = static_camera_targets(robot, scene);
  const auto gripper = gripper_camera_targets(robot, scene);
  const auto near = [](const at::Tensor& found, const std::vector<double>& expected) {
    return at::allclose(found.to(at::kDouble), at::tensor(expected), 0, 1e-6);
  };
  QVERIFY(near(column(fixed, "tcp"), {1, 2, 3}));
  QVERIFY(near(column(fixed, "tcp_to_red_block"), {0, 0.1, 0}));
  QVERIFY(near(column(fixed, "tcp_yaw"), {1, 0}));
  QVERIFY(near(column(fixed, "red_block_yaw_quarter"), {std::sin(2 * half_turn / 3), std::cos(2 * half_turn / 3)}));
  // The TCP's x points along the world's y.
  QVERIFY(near(column(gripper, "red_block_from_tcp"), {0.1, 0, 0}));
  QVERIFY(std::abs(gripper.weights[0][0].item<double>() - std::exp(-std::pow(0.1 / 0.15, 2))) < 1e-6);
  QVERIFY(gripper.weights[0][3].item<double>() < 1e-6);  // the blue block is far away
  // A block that has fallen off the table is not asked for, however far it fell.
  auto fallen = scene.clone();
  fallen[0][8] = -200;
  const auto weights = static_camera_targets(robot, fallen).weights[0];
  constexpr int kOfABlock = 3 + 3 + 2 + 2;
  QCOMPARE(weights.eq(0).sum().item<int>(), 3 * kOfABlock);  // the other two lie at the origin
  QCOMPARE(fixed.weights.eq(0).sum().item<int>(), 2 * kOfABlock);
  // Roll, pitch and yaw together: R = Rz Ry Rx.
  robot[0][3] = 0.3, robot[0][4] = -0.4, robot[0][5] = 0.5;
  const double x[3] = {std::cos(0.5) * std::cos(-0.4), std::sin(0.5) * std::cos(-0.4), -std::sin(-0.4)};
  for (int i = 0; i < 3; ++i) scene[0][6 + i] = robot[0][i].item<double>() + 0.2 * x[i];
  QVERIFY(near(column(gripper_camera_targets(robot, scene), "red_block_from_tcp"), {0.2, 0, 0}));
}

void TestVisionPretraining::pointsLieInThePicture() {
  // CALVIN's static camera looks at this point; the block beside it appears where up and right say.
  auto robot = at::zeros({1, 15});
  auto scene = at::zeros({1, 24});
  robot[0][0] = -0.026242, robot[0][1] = -0.030233, robot[0][2] = 0.392;
  for (int i = 0; i < 3; ++i) scene[0][6 + i] = robot[0][i].item<double>();
  scene[0][8] += 0.1;
  scene[0][12] = 100;
  const auto points = static_camera_points(robot, scene);
  QCOMPARE(points.sizes().vec(), (std::vector<std::int64_t>{1, 4, 3}));
  QVERIFY(points[0][0].narrow(0, 0, 2).abs().max().item<float>() < 1e-4f);
  QCOMPARE(points[0][0][2].item<float>(), 1.0f);
  QVERIFY(points[0][1][1].item<float>() < -0.1f);  // higher in the world, higher in the picture
  // The camera is rolled a little.
  QVERIFY(std::abs(points[0][1][0].item<float>()) < std::abs(points[0][1][1].item<float>()));
  QCOMPARE(points[0][2][2].item<float>(), 0.0f);  // the blue block is out of sight

  // What is at the TCP is in the middle of the gripper's picture, left and right, and in sight.
  for (int i = 0; i < 3; ++i) scene[0][6 + i] = robot[0][i].item<double>();
  const auto held = gripper_camera_points(robot, scene)[0][0];
  QVERIFY(std::abs(held[0].item<float>()) < 0.02f);
  QVERIFY(std::abs(held[1].item<float>()) < 0.9f);
  QCOMPARE(held[2].item<float>(), 1.0f);

  const auto shares = patch_shares(at::tensor({0.25, -0.75, 1.0}).view({1, 1, 3}).to(at::kFloat), 4);
  QCOMPARE(shares.sizes().vec(), (std::vector<std::int64_t>{1, 1, 16}));
  QVERIFY(std::abs(shares.sum().item<float>() - 1) < 1e-5f);
  QCOMPARE(shares.argmax().item<std::int64_t>(), 2);
}

void TestVisionPretraining::errorsAreInPhysicalUnits() {
  using Kind = VisionTarget::Kind;
  const std::vector<VisionTarget> quantities{{"v", Kind::vector, 0, 3, 1},
                                             {"l", Kind::length, 3, 1, 1},
                                             {"a", Kind::angle, 4, 2, 4},
                                             {"b", Kind::binary, 6, 1, 1}};
  const auto truth = at::tensor({0.0, 0.0, 0.0, 0.1, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.1, 0.0, 1.0, 1.0}).view({2, 7});
  auto said = truth.clone();
  said[0][0] = 0.003, said[0][1] = 0.004;
  said[0][3] = 0.102;
  said[0][4] = std::sin(0.4), said[0][5] = std::cos(0.4);
  said[0][6] = 0.2;
  auto weights = at::ones({2, 7}, at::kDouble);
  weights[1][3] = 0;
  const auto errors = target_errors(quantities, said, truth, weights);
  const std::vector<double> expected{2.5, 2, 0.1 * 180 / std::acos(-1.0) / 2, 50};
  for (std::size_t i = 0; i < expected.size(); ++i) QVERIFY(std::abs(errors[i] - expected[i]) < 1e-6);
}

void TestVisionPretraining::lossFalls() {
  auto options = small_run(150);
  options.validate_every = 75;
  std::vector<VisionValidation> validations;
  std::vector<VisionProgress> progress;
  VisionCallbacks callbacks;
  callbacks.validation = [&](const VisionValidation& validation) { validations.push_back(validation); };
  callbacks.progress = [&](const VisionProgress& now) { progress.push_back(now); };
  for (const bool half : {false, true}) {
    validations.clear();
    progress.clear();
    options.bfloat16 = half;
    const auto folder = folder_ / (half ? "half" : "whole");
    const auto last = pretrain_vision(*store_, folder, options, callbacks);
    QCOMPARE(validations.size(), std::size_t{2});
    QCOMPARE(last.step, 150);
    QVERIFY(progress.size() >= 7);
    QVERIFY(progress.back().loss < 0.8 * progress.front().loss);
    // The bar and the lamp are easy to see: a guess errs by 70 mm and 50 %.
    QVERIFY(error_of_quantity(last, "static", "slider") < 25);
    QVERIFY(error_of_quantity(last, "static", "bulb") < 10);
    const auto tower = load_vision_tower(folder / "vision.safetensors");
    QCOMPARE(tower.config.width, 32);
    QCOMPARE(tower.encoder().forward(at::zeros({1, 3, 32, 32})).tokens.size(1), 16);
    std::ifstream log(folder / "log.csv");
    std::string line;
    QVERIFY(std::getline(log, line) && line.starts_with("step,loss"));
  }
}

void TestVisionPretraining::resamplerIsTaughtAlong() {
  auto options = small_run(150);
  const PerceiverConfig sizes{.dim = 32, .depth = 2, .heads = 2, .dim_head = 16, .latents = 6, .ff_mult = 2};
  options.resampler = sizes;
  const auto last = pretrain_vision(*store_, folder_ / "resampler", options);
  // What the latents tell is told by the latents alone.
  QVERIFY(error_of_quantity(last, "static latents", "slider") < 30);
  QVERIFY(error_of_quantity(last, "static latents", "bulb") < 15);
  const auto tower = load_vision_tower(folder_ / "resampler" / "vision.safetensors");
  QCOMPARE(tower.resampler.size(), resampler_specs(sizes).size());
  const auto resampler = make_resampler(sizes, tower.resampler);
  const auto tokens = tower.encoder().forward(at::rand({2, 3, 32, 32})).tokens;
  const auto latents = resampler.forward(tokens);
  QCOMPARE(latents.sizes().vec(), (std::vector<std::int64_t>{2, 6, 32}));
  QVERIFY(!at::allclose(latents, make_resampler(sizes, FlatParameters(resampler_specs(sizes), 3)
                                                           .views(FlatParameters(resampler_specs(sizes), 3).values()))
                                     .forward(tokens)));
  // The tower without the resampler is another run.
  options.resampler.reset();
  DEER_VERIFY_ERROR(pretrain_vision(*store_, folder_ / "resampler", options), "other data or settings");
  options.resampler = sizes;
  options.resampler->dim = 16;
  DEER_VERIFY_ERROR(pretrain_vision(*store_, folder_ / "narrow", options), "resampler is 16 wide");
}

void TestVisionPretraining::resumeEqualsUninterrupted() {
  const auto options = small_run(30);
  const auto whole = pretrain_vision(*store_, folder_ / "through", options);
  std::stop_source stop;
  VisionCallbacks callbacks;
  auto stopped = options;
  stopped.log_every = 1;
  callbacks.progress = [&](const VisionProgress& now) {
    if (now.step == 13) stop.request_stop();
  };
  QVERIFY_THROWS_EXCEPTION(Cancelled,
                           pretrain_vision(*store_, folder_ / "broken", stopped, callbacks, stop.get_token()));
  QVERIFY(fs::exists(folder_ / "broken" / "state.safetensors"));
  const auto resumed = pretrain_vision(*store_, folder_ / "broken", stopped);
  QCOMPARE(resumed.loss, whole.loss);
  const auto a = load_vision_tower(folder_ / "through" / "vision.safetensors");
  const auto b = load_vision_tower(folder_ / "broken" / "vision.safetensors");
  QCOMPARE(a.hash, b.hash);
  for (const auto& [name, tensor] : a.tensors) QVERIFY(at::equal(tensor, b.tensors.at(name)));
  // Each step is in the log once.
  std::ifstream log(folder_ / "broken" / "log.csv");
  std::string line;
  std::getline(log, line);
  for (int step = 1; step <= 30; ++step) {
    QVERIFY(std::getline(log, line));
    QCOMPARE(std::atoi(line.c_str()), step);
  }
}

void TestVisionPretraining::refusesWhatDoesNotFit() {
  auto options = small_run(5);
  pretrain_vision(*store_, folder_ / "five", options);
  options.learning_rate = 1e-4;
  DEER_VERIFY_ERROR(pretrain_vision(*store_, folder_ / "five", options), "other data or settings");
  options = small_run(5);
  options.vision.image_size = 16;
  DEER_VERIFY_ERROR(pretrain_vision(*store_, folder_ / "new", options), "32 pixels");
  options = small_run(5);
  options.vision.heads = 5;
  DEER_VERIFY_ERROR(pretrain_vision(*store_, folder_ / "new", options), "heads");
  const auto file = folder_ / "five" / "vision.safetensors";
  const auto size = fs::file_size(file);
  fs::resize_file(file, size - 4);
  DEER_VERIFY_ERROR(load_vision_tower(file), "vision.safetensors");
  write_safetensors(file, {{"vision_encoder.visual.conv1.weight", at::zeros({1})}});
  DEER_VERIFY_ERROR(load_vision_tower(file), "vision_config");
  auto tower = random_tower(kSmall, 1);
  tower.tensors.erase("vision_encoder.visual.class_embedding");
  save_vision_tower(file, kSmall, tower.tensors);
  DEER_VERIFY_ERROR(load_vision_tower(file), "class_embedding");
}

void TestVisionPretraining::cacheEqualsTheTower() {
  const auto tower = random_tower(kSmall, 1);
  const auto cache = make_token_cache(folder_ / "t1" / "tokens.bin", *store_, tower);
  QCOMPARE(cache->variants(), 1);
  std::vector<std::int64_t> frames;
  for (const auto& span : store_->spans()) {
    for (auto frame = span.first; frame <= span.last; frame += 5) frames.push_back(frame);
  }
  const auto encoder = tower.encoder();
  const auto expect = [&](const at::Tensor& images) {
    return encoder.forward(read_images(images, frames)).tokens.to(at::kBFloat16);
  };
  // Batches of another size may round the last bit of a float another way.
  const auto fixed = cache->static_tokens(frames);
  const auto gripper = cache->gripper_tokens(frames);
  QCOMPARE(fixed.scalar_type(), at::kBFloat16);
  QVERIFY(at::allclose(fixed.to(at::kFloat), expect(store_->static_images()).to(at::kFloat), 0.01, 1e-5));
  QVERIFY(at::allclose(gripper.to(at::kFloat), expect(store_->gripper_images()).to(at::kFloat), 0.01, 1e-5));
  QVERIFY(!at::equal(fixed, gripper));
  // Frames outside annotations have no tokens.
  const std::vector<std::int64_t> outside{20};
  DEER_VERIFY_ERROR(cache->static_tokens(outside), "frame 20");
  const std::vector<int> variant{1};
  DEER_VERIFY_ERROR(cache->static_tokens(std::vector<std::int64_t>{0}, variant), "variant 1");
}

void TestVisionPretraining::cacheVariantsAreShifted() {
  const auto tower = random_tower(kSmall, 1);
  TokenCacheOptions options;
  options.variants = 3;
  options.static_shift = 2;
  options.gripper_shift = 0;
  options.seed = 8;
  const auto cache = make_token_cache(folder_ / "t3" / "tokens.bin", *store_, tower, options);
  const auto encoder = tower.encoder();
  const std::vector<std::int64_t> frames{0, 41, 42};
  int moved = 0;
  for (int variant = 0; variant < 3; ++variant) {
    const std::vector<int> variants(frames.size(), variant);
    std::vector<PixelShift> shifts;
    for (const auto frame : frames) {
      shifts.push_back(variant == 0 ? PixelShift{}
                                    : random_shift(8, std::uint64_t(frame), std::uint64_t(2 * variant), 2));
      moved += shifts.back().x != 0 || shifts.back().y != 0;
    }
    const auto expected = encoder.forward(read_images(store_->static_images(), frames, shifts)).tokens;
    QVERIFY(at::allclose(cache->static_tokens(frames, variants).to(at::kFloat), expected, 0.01, 1e-3));
    QVERIFY(at::equal(cache->gripper_tokens(frames, variants), cache->gripper_tokens(frames)));
  }
  QVERIFY(moved > 0);
}

void TestVisionPretraining::cacheIsMadeAnewForAnotherTower() {
  const auto path = folder_ / "t4" / "tokens.bin";
  const auto first = random_tower(kSmall, 1);
  const auto second = random_tower(kSmall, 2);
  QVERIFY(first.hash != second.hash);
  make_token_cache(path, *store_, first);
  DEER_VERIFY_ERROR(TokenCache::open(path, *store_, second), "a different vision tower");
  bool worked = false;
  TokenCacheOptions options;
  options.progress = [&](std::int64_t, std::int64_t) { worked = true; };
  make_token_cache(path, *store_, first, options);
  QVERIFY(!worked);
  make_token_cache(path, *store_, second, options);
  QVERIFY(worked);
  QVERIFY_THROWS_EXCEPTION(FileError, TokenCache::open(path, *store_, first));

  FrameStoreOptions store_options;
  store_options.image_size = 32;
  record_drawings(folder_ / "other" / "training", {.segments = 2, .frames = 20, .seed = 1});
  const auto other = make_frame_store(folder_ / "other_store", {folder_ / "other"}, store_options);
  DEER_VERIFY_ERROR(TokenCache::open(path, *other, second), "a different frame store");

  // Stopped at once, then made after all.
  std::stop_source stop;
  stop.request_stop();
  options.stop = stop.get_token();
  QVERIFY_THROWS_EXCEPTION(Cancelled, make_token_cache(folder_ / "t5" / "tokens.bin", *store_, first, options));
  QVERIFY(!fs::exists(folder_ / "t5" / "tokens.bin"));
  options.stop = {};
  QVERIFY(make_token_cache(folder_ / "t5" / "tokens.bin", *store_, first, options) != nullptr);
}

void TestVisionPretraining::refusesBrokenCaches() {
  const auto path = folder_ / "t6" / "tokens.bin";
  const auto tower = random_tower(kSmall, 1);
  make_token_cache(path, *store_, tower);
  const auto whole = fs::file_size(path);
  for (const std::uintmax_t size : {std::uintmax_t{0}, std::uintmax_t{30}, std::uintmax_t{4096}, whole - 1}) {
    fs::resize_file(path, size);
    DEER_VERIFY_ERROR(TokenCache::open(path, *store_, tower), "tokens.bin");
  }
  folder_.write("t6/tokens.bin", std::string(9000, 'x'));
  DEER_VERIFY_ERROR(TokenCache::open(path, *store_, tower), "is not a token cache");
  auto odd = kSmall;
  odd.image_size = 16;
  DEER_VERIFY_ERROR(make_token_cache(path, *store_, random_tower(odd, 1)), "32 pixels");
  QVERIFY(make_token_cache(path, *store_, tower) != nullptr);
}

void TestVisionPretraining::windowsOfTokens() {
  const auto tower = random_tower(kSmall, 1);
  TokenCacheOptions cache_options;
  cache_options.variants = 4;
  const auto cache = make_token_cache(folder_ / "t7" / "tokens.bin", *store_, tower, cache_options);
  write_word_tokenizer(folder_ / "tokenizer.json", std::vector<std::string>{"open the drawer"});
  CalvinWindowsOptions options;
  options.part = CalvinWindowsOptions::Part::all;
  options.augment = false;
  const PromptEncoder encoder(Tokenizer::load(folder_ / "tokenizer.json"));
  const CalvinWindows plain(store_, cache, encoder, options);
  const std::vector<std::int64_t> some{0, 5};
  const auto batch = plain.batch(some, 1);
  QVERIFY(!batch.rgb_static.defined());
  QCOMPARE(batch.static_tokens.sizes().vec(), (std::vector<std::int64_t>{2, 12, 16, 32}));
  std::vector<std::int64_t> frames;
  for (std::int64_t i = 0; i < 12; ++i) frames.push_back(plain.place(5).first + i);
  QVERIFY(at::equal(batch.static_tokens[1], cache->static_tokens(frames)));
  QVERIFY(at::equal(batch.gripper_tokens[1], cache->gripper_tokens(frames)));

  options.augment = true;
  const CalvinWindows varied(store_, cache, encoder, options);
  const auto a = varied.batch(some, 1);
  QVERIFY(at::equal(a.static_tokens, varied.batch(some, 1).static_tokens));
  QVERIFY(!at::equal(a.static_tokens, varied.batch(some, 2).static_tokens));
  QVERIFY(at::equal(a.actions, batch.actions));
}

void TestVisionPretraining::windowsAreRelabelled() {
  write_word_tokenizer(folder_ / "tokenizer.json", std::vector<std::string>{"open the drawer", "press it"});
  const PromptEncoder encoder(Tokenizer::load(folder_ / "tokenizer.json"));
  CalvinWindowsOptions options;
  options.part = CalvinWindowsOptions::Part::all;
  options.static_shift = options.gripper_shift = 0;
  const CalvinWindows plain(store_, nullptr, encoder, options);
  options.relabel_share = 0.5;
  // The action tells which state was asked about.
  options.experts.relabel = [](std::span<const float> robot, std::span<const float> scene, std::span<const float>,
                               const std::string&, std::uint64_t) {
    CalvinWindowsOptions::Relabelled out{"press it", {}};
    for (std::size_t step = 0; step < 12; ++step) {
      for (std::size_t i = 0; i < 6; ++i) out.actions.push_back(robot[15 * step] + scene[24 * step]);
      out.actions.push_back(1);
    }
    return std::optional(out);
  };
  const CalvinWindows windows(store_, nullptr, encoder, options);
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < 40; ++i) all.push_back(i % windows.size());
  const auto expected_ids = encoder.encode(std::vector<std::string>{"press it"}).input_ids;
  const auto batch = windows.batch(all, 9);
  const auto as_recorded = plain.batch(all, 9);
  int relabelled = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const auto first = windows.place(all[i]).first;
    const auto asked =
        store_->robot_obs().narrow(0, first, 12).select(1, 0) + store_->scene_obs().narrow(0, first, 12).select(1, 0);
    const bool pressed = batch.input_ids[row]
                             .narrow(0, 0, static_cast<std::int64_t>(expected_ids.size()))
                             .equal(at::tensor(expected_ids));
    QCOMPARE(at::equal(batch.actions[row].select(1, 2), asked), pressed);
    QCOMPARE(!at::equal(batch.actions[row], as_recorded.actions[row]), pressed);
    relabelled += pressed ? 1 : 0;
  }
  QVERIFY2(relabelled > 8 && relabelled < 32, qPrintable(QString::number(relabelled)));
  QVERIFY(at::equal(batch.rgb_static, as_recorded.rgb_static));
  QVERIFY(at::equal(windows.batch(all, 9).actions, batch.actions));
  // Nothing is asked where batches are to be as recorded.
  options.augment = false;
  QVERIFY(at::equal(CalvinWindows(store_, nullptr, encoder, options).batch(all, 9).actions, as_recorded.actions));
}

DEER_SUITE(TestVisionPretraining)
#include "tst_vision_pretraining.moc"
