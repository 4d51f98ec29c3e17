// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/CPUGeneratorImpl.h>

#include "core/train/base/seeded_random.h"
#include "core/train/method/model_init.h"
#include "core/train/run/trainer.h"

namespace deer::test {

/// A network small enough to train in a test.
inline ModelConfig toy_config() {
  ModelConfig config;
  config.vision = {.image_size = 8, .patch_size = 4, .width = 8, .layers = 1, .heads = 2, .mlp_width = 16};
  config.perceiver = {.dim = 8, .depth = 1, .heads = 2, .dim_head = 4, .latents = 3, .ff_mult = 2};
  config.cross_attention = {.every_n_layers = 1, .heads = 2, .dim_head = 4, .ff_mult = 2};
  config.decoder.d_model = 16;
  config.decoder.heads = 2;
  config.decoder.layers = 4;
  config.decoder.mlp_ratio = 2;
  config.decoder.vocabulary = 32;
  config.tokens = {.end_of_text = 0, .end_of_chunk = 29, .image = 30, .pad = 31, .max_length = 16};
  config.exit_interval = 2;
  config.head.hidden_size = 12;
  config.head.lstm_layers = 2;
  config.head.lstm_layernorm = config.head.mlp_layernorm = true;
  config.head.mlp_hidden = {10, 8};
  config.head.dropout_mode = DropoutMode::layerwise;
  config.check("toy model");
  return config;
}

/// Windows whose actions can be told from the tokens and the instruction. Prompts differ in length.
class ToyWindows final : public WindowSource {
 public:
  explicit ToyWindows(std::int64_t count, std::int64_t window = 6) : count_(count), window_(window) {}

  std::int64_t size() const override { return count_; }

  WindowBatch batch(std::span<const std::int64_t> windows, std::uint64_t) const override {
    constexpr std::int64_t kLongest = 6;
    const auto n = static_cast<std::int64_t>(windows.size());
    WindowBatch out;
    std::vector<at::Tensor> statics, grippers;
    out.input_ids = at::full({n, kLongest}, 31, at::kLong);
    out.attention_mask = at::zeros({n, kLongest}, at::kLong);
    out.actions = at::zeros({n, window_, 7});
    for (std::int64_t i = 0; i < n; ++i) {
      auto generator = at::make_generator<at::CPUGeneratorImpl>(
          SeededRandom({99, static_cast<std::uint64_t>(windows[static_cast<std::size_t>(i)])}).next());
      statics.push_back(at::randn({window_, 4, 8}, generator));
      grippers.push_back(at::randn({window_, 4, 8}, generator));
      const auto word = windows[static_cast<std::size_t>(i)] % 3;
      const auto length = kLongest - word;
      out.input_ids[i].slice(0, 0, length).fill_(3 + word);
      out.input_ids[i][0] = 30;
      out.attention_mask[i].slice(0, 0, length).fill_(1);
      const auto seen = statics.back().mean(1).slice(1, 0, 6) * 0.3;
      out.actions[i].slice(1, 0, 6).copy_(at::tanh(seen + (static_cast<double>(word) - 1) * 0.8));
      out.actions[i].select(1, 6).copy_(
          at::where(grippers.back().mean({1, 2}) > 0, at::ones({window_}), -at::ones({window_})));
    }
    out.static_tokens = at::stack(statics);
    out.gripper_tokens = at::stack(grippers);
    return out;
  }

 private:
  std::int64_t count_, window_;
};

inline TrainableModel toy_model(std::uint64_t seed = 1, ModelConfig config = toy_config()) {
  return {config, initial_parameters(config, {.seed = seed}), at::kCPU};
}

/// Two stages of a few steps.
inline TrainingOptions toy_options() {
  TrainingOptions out;
  StageOptions joint;
  joint.steps = 7;
  joint.batch = 6;
  joint.windows_per_part = 2;
  joint.groups.learning_rate = 3e-3;
  joint.groups.head_scale = 1;
  joint.train_decoder = true;
  joint.average_decay = 0.9;
  joint.warmup_steps = 2;
  joint.schedule = Schedule::cosine;
  StageOptions exit = joint;
  exit.name = "exit";
  exit.stage = TrainingStage::exit;
  exit.steps = 4;
  out.stages = {joint, exit};
  out.seed = 5;
  out.workers = 1;
  out.log_every = 1;
  out.validate_every = 3;
  out.validation_windows = 8;
  out.save_every_s = 1e9;
  return out;
}

inline double largest_difference(const ParameterMap& a, const ParameterMap& b) {
  double out = a.size() == b.size() ? 0 : 1e9;
  for (const auto& [name, tensor] : a) {
    const auto it = b.find(name);
    if (it == b.end()) return 1e9;
    out = std::max(out, (tensor.detach() - it->second.detach()).abs().max().item<double>());
  }
  return out;
}

}  // namespace deer::test
