// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdio>

#include "app/cli/commands/commands.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/policy_options.h"
#include "app/cli/support/progress.h"
#include "core/base/atomic_file.h"
#include "core/budget/stage_timings.h"
#include "core/model/model_fingerprint.h"

namespace deer::cli {
namespace {

struct Arguments {
  std::string model;
  std::string out;
  std::string gate;
  TimingOptions timing;
  EngineOptions engine;
};

void print(const char* name, const Timing& t) {
  std::printf("%-26s %9.3f   %9.3f – %.3f\n", name, t.median_ms, t.low_ms, t.high_ms);
}

void bench(Arguments& a) {
  if (!a.gate.empty()) a.timing.gate = chosen_gate(a.gate, {}, a.model);
  const auto engine = Engine::load(a.model, a.engine);
  Progress progress;
  a.timing.progress = [&](int done, int total) { progress.show("measuring", done, total); };
  auto timings = measure_timings(*engine, a.timing);
  progress.finish();
  timings.model_hash = model_fingerprint(a.model);
  if (!a.out.empty()) write_file_atomically(a.out, to_json(timings).dump(1) + "\n");
  std::printf("%s, %s, %s, %d threads, %d steps each\n", timings.model.c_str(), timings.device.c_str(),
              timings.dtype.c_str(), timings.threads, timings.repeats);
  std::printf("%-26s %9s   %s\n", "milliseconds", "median", "quartiles");
  print("preprocessing", timings.preprocess);
  print("vision", timings.vision);
  print("resampler", timings.resampler);
  for (const auto& exit : timings.exits) {
    const auto name = "exit after layer " + std::to_string(exit.layer);
    print(name.c_str(), exit.total);
    print("  language model", exit.llm);
    print("  action head", exit.head);
  }
}

}  // namespace

void add_bench(CLI::App& app) {
  auto* command = app.add_subcommand("bench", "Measure the time of each stage and exit of a model on this device");
  auto a = std::make_shared<Arguments>();
  command->add_option("MODEL", a->model, "Model folder")->required();
  command->add_option("--out", a->out, "JSON file to write, for deer solve --timings")->check(output_file());
  command->add_option("--gate", a->gate, "Measure steps with this learned gate; the action head's times include it");
  command->add_option("--repeats", a->timing.repeats, "Measured steps per exit")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--warm-up", a->timing.warm_up, "Warm-up steps before measuring")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  command->add_option("--instruction", a->timing.instruction, "Instruction for the model")->capture_default_str();
  add_engine_options(*command, a->engine);
  command->callback([a] { bench(*a); });
}

}  // namespace deer::cli
