// SPDX-License-Identifier: GPL-3.0-or-later
// In which sizes of layers does a deeper exit know more than the first one? Trains resampler, decoder and heads on
// single frames of a frame store with the true state in place of images, so that vision has no part in it, and prints
// by difficulty and exit how often the predicted motion points within 18 degrees of the expert's.
//
// Its resampler is new and learns along: it mixes the objects at first, which slows down learning more than any size of
// the layers. Training proper teaches it before (stage "latents").
//
// With answers=1 the heads learn where the block is that is meant, in place of acting, and it counts whether they are
// within 3 cm of it.
//
// study_depth STORE [only=PREFIX] [key=value ...]
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numbers>
#include <string>

#include "core/base/error.h"
#include "core/model/cpu_setup.h"
#include "core/model/text/tokenizer_prompt.h"
#include "core/sim/expert_labels.h"
#include "core/train/base/parallel_work.h"
#include "core/train/base/seeded_random.h"
#include "core/train/data/frame_store.h"
#include "core/train/method/model_init.h"
#include "core/train/method/optimizer.h"
#include "core/train/run/batch_gradients.h"
#include "core/train/run/learning_rate.h"
#include "core/train/run/word_tokenizer.h"
#include "core/train/windows/calvin_windows.h"

using namespace deer;

namespace {

constexpr std::int64_t kObjects = 10;  // eight blocks, the arm, the table's joints and lamps
constexpr std::int64_t kNumbers = 16;
constexpr double kAnswerScale = CalvinWindowsOptions::kLocateScale;

// One row of numbers per object, metres times ten and flags, as a perfect vision tower might give them.
at::Tensor object_rows(const FrameStore& store, const std::vector<std::int64_t>& frames) {
  const auto index = at::tensor(frames);
  const auto robot = store.robot_obs().index_select(0, index);
  const auto scene = store.scene_obs().index_select(0, index);
  const auto blocks = store.blocks().index_select(0, index);
  const auto count = static_cast<std::int64_t>(frames.size());
  auto out = at::zeros({count, kObjects, kNumbers});
  const auto r = robot.accessor<float, 2>();
  const auto s = scene.accessor<float, 2>();
  const auto b = blocks.accessor<float, 3>();
  auto o = out.accessor<float, 3>();
  for (std::int64_t i = 0; i < count; ++i) {
    const auto block = [&](std::int64_t row, const float* position, float edge, std::int64_t colour) {
      o[i][row][0] = 1;
      for (int k = 0; k < 3; ++k) {
        o[i][row][2 + k] = 10 * (position[k] - (k == 2 ? 0.5F : 0));
        o[i][row][5 + k] = 10 * (position[k] - r[i][k]);
      }
      o[i][row][8] = edge > 0.0375F ? 1 : -1;
      o[i][row][9 + colour] = 1;
    };
    const bool calvins = std::isnan(b[i][0][0]);
    for (std::int64_t k = 0; k < 8; ++k) {
      float position[3];
      if (calvins) {
        if (k >= 3) break;
        for (int axis = 0; axis < 3; ++axis) position[axis] = s[i][6 + 6 * k + axis];
        block(k, position, 0.045F, k);
      } else if (!std::isnan(b[i][k][0])) {
        for (int axis = 0; axis < 3; ++axis) position[axis] = b[i][k][axis];
        block(k, position, b[i][k][6], static_cast<std::int64_t>(b[i][k][7]));
      }
    }
    o[i][8][1] = 1;
    for (int k = 0; k < 6; ++k) o[i][8][2 + k] = (k < 3 ? 10 : 1) * (r[i][k] - (k == 2 ? 0.5F : 0));
    o[i][8][8] = 20 * r[i][6];
    o[i][8][9] = r[i][14];
    o[i][9][1] = -1;
    for (int k = 0; k < 6; ++k) o[i][9][2 + k] = (k < 4 ? 5 : 1) * s[i][k];
  }
  return out;
}

class StateFrames final : public WindowSource {
 public:
  StateFrames(std::shared_ptr<const FrameStore> store, std::vector<std::int64_t> frames, std::vector<const Task*> tasks,
              const PromptEncoder& prompts, std::int64_t width, bool answers)
      : answers_(answers),
        store_(std::move(store)),
        frames_(std::move(frames)),
        tasks_(std::move(tasks)),
        prompts_(prompts) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
    projection_ = at::randn({kNumbers, width}, generator) / std::sqrt(4.0);
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(frames_.size()); }

  WindowBatch batch(std::span<const std::int64_t> windows, std::uint64_t seed) const override {
    return labelled(windows, seed).first;
  }

  /// Rows for which no task could start are left out.
  std::pair<WindowBatch, std::vector<const Task*>> labelled(std::span<const std::int64_t> windows,
                                                            std::uint64_t seed) const {
    std::vector<std::int64_t> frames;
    std::vector<std::string> instructions;
    std::vector<float> actions;
    std::vector<const Task*> tasks;
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const auto frame = frames_[static_cast<std::size_t>(windows[i])];
      const auto row = [&](const at::Tensor& all) {
        const auto part = all.select(0, frame);
        return std::span<const float>(part.data_ptr<float>(), static_cast<std::size_t>(part.numel()));
      };
      const auto labels = label_with_another_task(row(store_->robot_obs()), row(store_->scene_obs()),
                                                  row(store_->blocks()), tasks_, SeededRandom{seed, i}.next());
      if (!labels || (answers_ && !labels->meant_block)) continue;
      frames.push_back(frame);
      instructions.push_back(labels->instruction);
      auto action = labels->actions;
      if (answers_) {
        for (std::size_t k = 0; k < 3; ++k) action[k] = static_cast<float>(kAnswerScale * (*labels->meant_block)[k]);
        for (std::size_t k = 3; k < 6; ++k) action[k] = 0;
      }
      actions.insert(actions.end(), action.begin(), action.end());
      tasks.push_back(labels->task);
    }
    const auto count = static_cast<std::int64_t>(frames.size());
    WindowBatch out;
    const auto objects = object_rows(*store_, frames);
    out.static_tokens = at::matmul(objects, projection_).unsqueeze(1);
    out.gripper_tokens = at::zeros_like(out.static_tokens);  // what it shows is in the other's already
    const auto prompts = prompts_.encode(instructions);
    out.input_ids = at::tensor(prompts.input_ids).view({prompts.rows, prompts.columns});
    out.attention_mask = at::tensor(prompts.attention_mask).view({prompts.rows, prompts.columns});
    out.actions = at::tensor(actions).view({count, 1, 7});
    return {std::move(out), std::move(tasks)};
  }

 private:
  bool answers_ = false;
  std::shared_ptr<const FrameStore> store_;
  std::vector<std::int64_t> frames_;
  std::vector<const Task*> tasks_;
  const PromptEncoder& prompts_;
  at::Tensor projection_;
};

void report(TrainableModel& model, const StateFrames& frames, std::int64_t count, bool answers) {
  const at::NoGradGuard no_gradients;
  const auto layers = model.network().exit_layers();
  std::map<std::string, std::pair<std::vector<double>, double>> rows;  // hits by exit, tries
  for (std::int64_t first = 0; first < count; first += 128) {
    std::vector<std::int64_t> windows;
    for (std::int64_t i = first; i < std::min(first + 128, count); ++i) windows.push_back(i % frames.size());
    const auto [batch, tasks] = frames.labelled(windows, 1'000'003 + static_cast<std::uint64_t>(first));
    const auto features = window_features(model, batch, layers, PaddingInPooling::excluded);
    const auto exits = static_cast<std::int64_t>(layers.size());
    const auto sample = sample_exits(exits, batch.actions.size(0), 1, at::make_generator<at::CPUGeneratorImpl>(1));
    const auto arm = multi_exit_outputs(model, features, sample).arm.narrow(3, 0, 3).select(2, 0);  // [H, B, 3]
    const auto truth = batch.actions.select(1, 0).narrow(1, 0, 3);
    const auto cosine = (arm * truth).sum(-1) / (arm.norm(2, {-1}) * truth.norm(2, {-1})).clamp_min(1e-6);
    const auto moves = truth.norm(2, {-1}) > (answers ? 0.03 * kAnswerScale : 0.3);
    const auto near = (arm - truth).narrow(2, 0, 2).norm(2, {-1}) < 0.03 * kAnswerScale;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (!moves[static_cast<std::int64_t>(i)].item<bool>()) continue;
      const auto& task = *tasks[i];
      const std::string name = task.suite == TaskSuite::calvin ? "calvin" : to_string(task.difficulty);
      const auto reference = task.name.substr(0, task.name.find('_'));
      for (const auto& key : {name, task.suite == TaskSuite::calvin ? std::string("calvin") : name + "/" + reference}) {
        auto& [hits, tries] = rows[key];
        hits.resize(layers.size());
        tries += 1;
        for (std::size_t exit = 0; exit < layers.size(); ++exit) {
          const auto e = static_cast<std::int64_t>(exit);
          const auto row = static_cast<std::int64_t>(i);
          constexpr double kAngle = 18 * std::numbers::pi / 180;
          const bool hit = answers ? near[e][row].item<bool>() : cosine[e][row].item<double>() > std::cos(kAngle);
          hits[exit] += hit ? 1 : 0;
        }
        if (name == "calvin") break;
      }
    }
  }
  for (const auto& [name, row] : rows) {
    std::printf("  %-22s %5.0f:", name.c_str(), row.second);
    for (const double hits : row.first) std::printf(" %.2f", hits / row.second);
    std::printf("\n");
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) try {
  set_up_cpu(argv);
  if (argc < 2) throw Error("usage: study_depth STORE [key=value ...]");
  const SingleThreadedMath single;
  keep_freed_memory();
  std::map<std::string, std::int64_t> size = {
      {"d", 128},     {"heads", 4},    {"mlp", 2},      {"xheads", 4},   {"dim_head", 32}, {"ff", 2},
      {"every", 1},   {"layers", 12},  {"interval", 2}, {"hidden", 128}, {"depth", 2},     {"latents", 16},
      {"batch", 128}, {"steps", 2000}, {"report", 500}, {"workers", 1},  {"rate", 2000},   {"all", 1},
      {"scatter", 0}, {"test", 2048},  {"answers", 0}};
  std::string only;  // beginning of the tasks' names
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto equals = argument.find('=');
    if (argument.starts_with("only=")) {
      only = argument.substr(5);
      continue;
    }
    if (equals == std::string::npos || !size.contains(argument.substr(0, equals))) throw Error("unknown: " + argument);
    size[argument.substr(0, equals)] = std::atoll(argument.c_str() + equals + 1);
  }
  const auto store = FrameStore::open(argv[1]);
  std::vector<const Task*> tasks;
  std::vector<std::string> instructions;
  for (const Task& task : all_tasks()) {
    instructions.insert(instructions.end(), task.instructions.begin(), task.instructions.end());
    const bool wanted = task.suite == TaskSuite::referring || size["all"] != 0;
    if (wanted && task.name.starts_with(only)) tasks.push_back(&task);
  }
  const auto tokenizer = std::filesystem::temp_directory_path() / "study_depth_tokenizer.json";
  const auto words = write_word_tokenizer(tokenizer, instructions);
  const PromptEncoder prompts(Tokenizer::load(tokenizer));

  constexpr std::int64_t kWidth = 96;
  ModelConfig config;
  config.vision.width = config.perceiver.dim = kWidth;
  config.vision.heads = 4;
  config.vision.image_size = 56;
  config.vision.patch_size = 14;
  config.vision.layers = 1;
  config.vision.mlp_width = 96;
  config.perceiver.depth = size["depth"];
  config.perceiver.latents = size["latents"];
  config.perceiver.heads = 4;
  config.perceiver.dim_head = 32;
  config.perceiver.ff_mult = 2;
  config.cross_attention = {size["every"], size["xheads"], size["dim_head"], size["ff"]};
  config.decoder.d_model = size["d"];
  config.decoder.heads = size["heads"];
  config.decoder.layers = size["layers"];
  config.decoder.mlp_ratio = size["mlp"];
  config.decoder.vocabulary = words.length;
  config.tokens = words.ids;
  config.exit_interval = size["interval"];
  config.head.hidden_size = size["hidden"];
  config.head.lstm_layers = 2;
  config.head.lstm_layernorm = config.head.mlp_layernorm = true;
  config.head.mlp_hidden = {128, 64};
  config.head.dropout_mode = DropoutMode::layerwise;
  config.head.exit_dropout = config.head.lstm_dropout = 0.05;

  std::vector<std::int64_t> training, test;
  for (const auto& stretch : store->stretches()) {
    const bool scattered = stretch.first == stretch.last;
    if (size["scatter"] != 0 && !scattered) continue;
    for (auto frame = stretch.first; frame <= stretch.last; frame += 1) {
      (stretch.split == "validation" ? test : training).push_back(frame);
    }
  }
  const auto shuffle = [](std::vector<std::int64_t>& frames, std::uint64_t seed) {
    SeededRandom random{seed};
    for (std::size_t i = frames.size(); i > 1; --i) {
      std::swap(frames[i - 1], frames[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(i)))]);
    }
  };
  if (training.empty() || test.empty()) throw Error("no frames to train on or to test: try without scatter");
  shuffle(training, 1);
  shuffle(test, 2);
  std::printf("%zu frames to train on, %zu to test\n", training.size(), test.size());
  const StateFrames source(store, training, tasks, prompts, kWidth, size["answers"] != 0);
  const StateFrames testing(store, test, tasks, prompts, kWidth, size["answers"] != 0);

  TrainableModel model(config, initial_parameters(config, {.gate = 0.5}), at::kCPU);
  model.set_trainable([&](const std::string& name) { return trains(TrainingStage::joint, name, true); });
  const auto trainable = model.trainable();
  std::vector<std::string> names;
  for (const auto& [name, tensor] : trainable) names.push_back(name);
  GroupOptions groups;
  groups.learning_rate = static_cast<double>(size["rate"]) * 1e-6;
  groups.head_scale = 1;
  groups.weight_decay = 0.05;
  Optimizer optimizer(trainable, parameter_groups(TrainingStage::joint, names, groups));
  const auto exits = static_cast<std::int64_t>(model.network().exit_layers().size());
  LossOptions loss;
  loss.gripper_weight = 0.05;
  BatchGradients gradients(model, loss, static_cast<int>(size["workers"]));

  const auto start = std::chrono::steady_clock::now();
  std::vector<double> arm(static_cast<std::size_t>(exits) + 2);
  for (std::int64_t step = 0; step < size["steps"]; ++step) {
    std::vector<BatchPart> parts;
    const auto batch = size["batch"];
    const auto part_size = std::min<std::int64_t>(batch, 128);
    for (std::int64_t first = 0; first < batch; first += part_size) {
      std::vector<std::int64_t> windows;
      for (std::int64_t i = 0; i < part_size; ++i) windows.push_back((step * batch + first + i) % source.size());
      BatchPart part;
      const auto seed = static_cast<std::uint64_t>(step * batch + first);
      part.batch = source.batch(windows, seed);
      part.sample = sample_exits(exits, part.batch.actions.size(0), 1, at::make_generator<at::CPUGeneratorImpl>(seed));
      part.dropout_seed = seed;
      part.weight = static_cast<double>(part_size) / static_cast<double>(batch);
      parts.push_back(std::move(part));
    }
    const double progress = static_cast<double>(step) / static_cast<double>(size["steps"]);
    optimizer.set_schedule(std::min(1.0, static_cast<double>(step + 1) / 100) *
                           (0.02 + 0.98 * 0.5 * (1 + std::cos(std::numbers::pi * progress))));
    const auto values = gradients.accumulate(parts);
    for (std::size_t i = 0; i < arm.size(); ++i) arm[i] = 0.95 * arm[i] + 0.05 * values.arm[i];
    clip_gradients(trainable, 1);
    optimizer.step();
    optimizer.zero_gradients();
    if ((step + 1) % size["report"] != 0 && step + 1 != size["steps"]) continue;
    std::printf("step %lld, %.0f s, loss by exit:", static_cast<long long>(step + 1),
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    for (const double value : arm) std::printf(" %.4f", value);
    std::printf("\n");
    report(model, testing, size["test"], size["answers"] != 0);
  }
  return 0;
} catch (const Error& error) {
  std::fprintf(stderr, "study_depth: %s\n", error.what());
  return 1;
}
