// SPDX-License-Identifier: GPL-3.0-or-later
// Frames a second of training: bench_training [bfloat16] [operators] [malloc] [key=value ...]
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>

#include "core/model/cpu_setup.h"
#include "core/train/base/parallel_work.h"
#include "core/train/method/model_init.h"
#include "core/train/method/optimizer.h"
#include "core/train/run/batch_gradients.h"

using namespace deer;

namespace {

double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Time of each operator without that of the operators it calls.
struct Operators {
  struct Open {
    std::string name;
    double start = 0;
    double inner = 0;
  };
  std::vector<Open> open;
  std::map<std::string, std::pair<double, std::int64_t>> self_ms;

  void print(double steps) const {
    std::vector<std::pair<double, std::string>> order;
    for (const auto& [name, time] : self_ms) order.emplace_back(time.first, name);
    std::sort(order.rbegin(), order.rend());
    for (std::size_t i = 0; i < std::min<std::size_t>(order.size(), 45); ++i) {
      const auto& [time, count] = self_ms.at(order[i].second);
      std::printf("%9.1f ms %7.0f times  %s\n", time / steps, static_cast<double>(count) / steps,
                  order[i].second.c_str());
    }
  }
};
thread_local Operators operators;

std::unique_ptr<at::ObserverContext> begin_operator(const at::RecordFunction& f) {
  operators.open.push_back({f.name(), now_ms(), 0});
  return nullptr;
}

void end_operator(const at::RecordFunction&, at::ObserverContext*) {
  const auto one = operators.open.back();
  operators.open.pop_back();
  const double time = now_ms() - one.start;
  auto& sum = operators.self_ms[one.name];
  sum.first += time - one.inner;
  ++sum.second;
  if (!operators.open.empty()) operators.open.back().inner += time;
}

}  // namespace

int main(int argc, char** argv) {
  set_up_cpu(argv);
  const SingleThreadedMath single;
  std::map<std::string, std::int64_t> size = {
      {"width", 96},  {"patches", 64}, {"depth", 2},    {"latents", 16}, {"d", 128},       {"heads", 4},
      {"layers", 12}, {"interval", 2}, {"every", 1},    {"xheads", 4},   {"dim_head", 32}, {"ff", 4},
      {"mlp", 4},     {"text", 10},    {"hidden", 128}, {"windows", 32}, {"window", 12},   {"steps", 5},
      {"decoder", 1}, {"workers", 0},  {"part", 8}};
  bool half = false;
  bool count_operators = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto equals = argument.find('=');
    if (argument == "bfloat16") half = true;
    if (argument == "operators") count_operators = true;
    if (argument == "malloc") {
      keep_freed_memory();
    }
    if (equals != std::string::npos) size[argument.substr(0, equals)] = std::atoll(argument.c_str() + equals + 1);
  }
  ModelConfig config;
  config.vision.width = config.perceiver.dim = size["width"];
  config.vision.heads = 3;
  config.vision.image_size = 64;
  config.vision.patch_size = 8;
  config.vision.layers = 1;
  config.vision.mlp_width = 4 * size["width"];
  config.perceiver.depth = size["depth"];
  config.perceiver.latents = size["latents"];
  config.perceiver.heads = config.cross_attention.heads = size["xheads"];
  config.perceiver.dim_head = config.cross_attention.dim_head = size["dim_head"];
  config.perceiver.ff_mult = config.cross_attention.ff_mult = size["ff"];
  config.cross_attention.every_n_layers = size["every"];
  config.decoder.d_model = size["d"];
  config.decoder.heads = size["heads"];
  config.decoder.layers = size["layers"];
  config.decoder.mlp_ratio = size["mlp"];
  config.decoder.vocabulary = 256;
  config.tokens = {0, 253, 254, 255, 32};
  config.exit_interval = size["interval"];
  config.head.hidden_size = size["hidden"];
  config.head.lstm_layers = 2;
  config.head.lstm_layernorm = config.head.mlp_layernorm = true;
  config.head.mlp_hidden = {128, 64};
  config.head.dropout_mode = DropoutMode::layerwise;
  config.head.exit_dropout = config.head.lstm_dropout = 0.1;

  TrainableModel model(config, initial_parameters(config, {}), at::kCPU);
  model.set_trainable(
      [&](const std::string& name) { return trains(TrainingStage::joint, name, size["decoder"] != 0); });
  const auto trainable = model.trainable();
  std::vector<std::string> names;
  std::int64_t parameters = 0;
  for (const auto& [name, tensor] : trainable) {
    names.push_back(name);
    parameters += tensor.numel();
  }
  Optimizer optimizer(trainable, parameter_groups(TrainingStage::joint, names, {}));

  const auto windows = size["windows"];
  const auto window = size["window"];
  const auto exits = static_cast<std::int64_t>(model.network().exit_layers().size());
  const auto part_windows = std::min(windows, size["part"]);
  std::vector<BatchPart> parts;
  for (std::int64_t first = 0; first < windows; first += part_windows) {
    BatchPart part;
    part.batch.static_tokens = at::randn({part_windows, window, size["patches"], size["width"]});
    part.batch.gripper_tokens = at::randn({part_windows, window, size["patches"], size["width"]});
    part.batch.input_ids = at::randint(1, 250, {part_windows, size["text"]}, at::kLong);
    part.batch.input_ids.select(1, 0).fill_(254);
    part.batch.attention_mask = at::ones_like(part.batch.input_ids);
    part.batch.actions = at::rand({part_windows, window, 7}) * 2 - 1;
    part.batch.actions.select(2, 6).sign_();
    part.sample = sample_exits(exits, part_windows, window, at::make_generator<at::CPUGeneratorImpl>(1));
    part.weight = static_cast<double>(part_windows) / static_cast<double>(windows);
    parts.push_back(std::move(part));
  }
  LossOptions options;
  options.dtype = half ? at::kBFloat16 : at::kFloat;
  BatchGradients gradients(model, options, worker_count(static_cast<int>(size["workers"])));

  double total = 0;
  double step_ms = 0;
  std::clock_t cpu = 0;
  for (std::int64_t i = -1; i < size["steps"]; ++i) {
    if (i == 0 && count_operators) at::addGlobalCallback(at::RecordFunctionCallback(begin_operator, end_operator));
    if (i == 0) cpu = std::clock();
    const double start = now_ms();
    gradients.accumulate(parts);
    const double gradients_done = now_ms();
    clip_gradients(trainable, 1.0);
    optimizer.step();
    optimizer.zero_gradients();
    const double done = now_ms();
    if (i < 0) continue;
    total += done - start;
    step_ms += done - gradients_done;
  }
  // Also by CPU time, which says what free cores would do where others use them.
  const double cpu_s = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
  const auto steps = static_cast<double>(size["steps"]);
  const double frames = steps * static_cast<double>(windows * window);
  std::printf(
      "%lld parameters, %s: %.0f frames/s, %.0f frames per second of CPU time; step %.0f ms, of it optimiser %.0f\n",
      static_cast<long long>(parameters), half ? "bfloat16" : "float32", 1000.0 * frames / total, frames / cpu_s,
      total / steps, step_ms / steps);
  if (count_operators) operators.print(steps);
  return 0;
}
