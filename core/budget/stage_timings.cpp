// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/stage_timings.h"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <random>

#include "core/base/error.h"
#include "core/base/version.h"

namespace deer {
namespace {

constexpr const char* kKind = "deer timings";

ImagePtr random_picture(int pixels, std::mt19937& random) {
  auto image = std::make_shared<Image>();
  image->width = pixels;
  image->height = pixels;
  image->rgb.resize(static_cast<std::size_t>(3 * pixels * pixels));
  for (auto& value : image->rgb) value = static_cast<std::uint8_t>(random());
  return image;
}

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("model name")) return printable(line.substr(std::min(line.size(), line.find(':') + 2)));
  }
  return "unknown";
}

class Samples {
 public:
  void add(double milliseconds) { values_.push_back(milliseconds); }
  Timing timing() {
    std::sort(values_.begin(), values_.end());
    const auto at = [&](double share) {
      const double place = share * static_cast<double>(values_.size() - 1);
      const auto below = static_cast<std::size_t>(place);
      const auto above = std::min(below + 1, values_.size() - 1);
      return values_[below] + (place - static_cast<double>(below)) * (values_[above] - values_[below]);
    };
    return {at(0.5), at(0.25), at(0.75)};
  }

 private:
  std::vector<double> values_;
};

Json to_json(const Timing& t) { return {{"median_ms", t.median_ms}, {"quartiles_ms", {t.low_ms, t.high_ms}}}; }

Timing timing_from(const JsonFields& fields, const char* key) {
  const auto object = fields.object(key);
  Timing out;
  out.median_ms = object.number("median_ms");
  const auto quartiles = object.numbers("quartiles_ms");
  if (quartiles.size() != 2) object.fail("quartiles_ms", "two numbers");
  out.low_ms = quartiles[0];
  out.high_ms = quartiles[1];
  if (!(out.median_ms >= 0) || !std::isfinite(out.median_ms)) object.fail("median_ms", "milliseconds");
  return out;
}

// Restores an engine's policy.
class PolicyKeeper {
 public:
  explicit PolicyKeeper(Engine& engine) : engine_(engine), policy_(engine.policy()) {}
  ~PolicyKeeper() {
    engine_.set_policy(policy_);
    engine_.reset();
  }
  PolicyKeeper(const PolicyKeeper&) = delete;
  PolicyKeeper& operator=(const PolicyKeeper&) = delete;

 private:
  Engine& engine_;
  ExitPolicy policy_;
};

}  // namespace

StageTimings measure_timings(Engine& engine, const TimingOptions& options) {
  if (options.repeats < 1 || options.warm_up < 0) throw Error("timings need at least one step to measure");
  const auto& summary = engine.summary();
  const auto exits = summary.exit_layers.size();
  const PolicyKeeper keeper(engine);
  std::mt19937 random(1);
  // In turn: a picture that was just encoded is not encoded again.
  std::vector<FrameInput> inputs;
  for (int i = 0; i < 2; ++i) {
    inputs.push_back({0, random_picture(options.static_pixels, random), random_picture(options.gripper_pixels, random),
                      options.instruction});
  }
  std::size_t taken = 0;
  Samples preprocess;
  Samples vision;
  Samples resampler;
  struct OfExit {
    Samples llm, head, total;
  };
  std::vector<OfExit> of_exit(exits);
  StageTimings out;
  // A few steps per exit in turn: within a turn the caches behave as in a rollout.
  constexpr int kTurn = 5;
  int done = 0;
  const int total = options.repeats * static_cast<int>(exits);
  for (int begun = 0; begun < options.repeats; begun += kTurn) {
    const int steps = std::min(kTurn, options.repeats - begun);
    for (std::size_t exit = 0; exit < exits; ++exit) {
      ExitPolicy policy;
      policy.thresholds.assign(exits, kNeverLeave);
      policy.gate = options.gate;
      if (!options.gate.empty()) policy.criterion = Criterion::learned_gate;
      for (std::size_t i = exit; i < exits; ++i) policy.thresholds[i] = kAlwaysLeave;
      engine.set_policy(policy);
      const int warm_up = begun == 0 ? options.warm_up : 1;
      for (int i = 0; i < warm_up + steps; ++i) {
        const auto record = engine.step(inputs[taken++ % inputs.size()], RunMode::policy, options.stop);
        out.prompt_tokens = record->prompt_tokens;
        if (i < warm_up) continue;
        preprocess.add(record->times.preprocess_ms);
        vision.add(record->times.vision_ms);
        resampler.add(record->times.resampler_ms);
        of_exit[exit].llm.add(record->times.llm_ms);
        of_exit[exit].head.add(record->times.head_ms);
        of_exit[exit].total.add(record->times.total_ms());
        if (options.progress) options.progress(++done, total);
      }
    }
  }
  out.model = summary.name;
  out.device = summary.device;
  out.dtype = summary.dtype;
  out.cpu = cpu_name();
  out.threads = at::get_num_threads();
  out.libtorch = TORCH_VERSION;
  out.version = kVersion;
  out.instruction = options.instruction;
  out.gate = options.gate.fingerprint;
  out.repeats = options.repeats;
  out.preprocess = preprocess.timing();
  out.vision = vision.timing();
  out.resampler = resampler.timing();
  for (std::size_t exit = 0; exit < exits; ++exit) {
    auto& samples = of_exit[exit];
    out.exits.push_back(
        {summary.exit_layers[exit], samples.llm.timing(), samples.head.timing(), samples.total.timing()});
  }
  return out;
}

Json to_json(const StageTimings& t) {
  Json exits = Json::array();
  for (const auto& exit : t.exits) {
    exits.push_back({{"layer", exit.layer},
                     {"llm", to_json(exit.llm)},
                     {"head", to_json(exit.head)},
                     {"total", to_json(exit.total)}});
  }
  return {{"kind", kKind},
          {"model", t.model},
          {"model_hash", t.model_hash},
          {"device", t.device},
          {"dtype", t.dtype},
          {"cpu", t.cpu},
          {"threads", t.threads},
          {"libtorch", t.libtorch},
          {"version", t.version},
          {"instruction", t.instruction},
          {"gate", t.gate},
          {"prompt_tokens", t.prompt_tokens},
          {"repeats", t.repeats},
          {"preprocess", to_json(t.preprocess)},
          {"vision", to_json(t.vision)},
          {"resampler", to_json(t.resampler)},
          {"exits", exits}};
}

StageTimings read_timings(const std::filesystem::path& file) {
  const Json json = read_json(file);
  const JsonFields fields(file, json);
  if (fields.text("kind", "") != kKind) fields.fail("kind", std::string("\"") + kKind + "\" (deer bench writes it)");
  StageTimings out;
  out.model = fields.text("model");
  out.model_hash = fields.text("model_hash", "");
  out.device = fields.text("device");
  out.dtype = fields.text("dtype");
  out.cpu = fields.text("cpu", "");
  out.threads = static_cast<int>(fields.integer("threads", 0));
  out.libtorch = fields.text("libtorch", "");
  out.version = fields.text("version", "");
  out.instruction = fields.text("instruction", "");
  out.gate = fields.text("gate", "");
  out.prompt_tokens = static_cast<int>(fields.integer("prompt_tokens", 0));
  out.repeats = static_cast<int>(fields.integer("repeats", 0));
  out.preprocess = timing_from(fields, "preprocess");
  out.vision = timing_from(fields, "vision");
  out.resampler = timing_from(fields, "resampler");
  if (!json.contains("exits") || !json["exits"].is_array() || json["exits"].empty()) {
    fields.fail("exits", "a list with one entry per exit");
  }
  for (const auto& item : json["exits"]) {
    const JsonFields exit(file, item, "exits");
    out.exits.push_back({static_cast<int>(exit.integer_in("layer", 0, 100000)), timing_from(exit, "llm"),
                         timing_from(exit, "head"), timing_from(exit, "total")});
  }
  return out;
}

}  // namespace deer
