// SPDX-License-Identifier: GPL-3.0-or-later
#include <cmath>
#include <cstdio>
#include <iostream>

#include "app/cli/commands.h"
#include "app/cli/policy_options.h"
#include "core/base/error.h"
#include "core/exits/engine.h"

#ifdef DEER_HAVE_EPISODES
#include "app/cli/record_json.h"
#include "core/episodes/open_source.h"
#endif

namespace deer::cli {
namespace {

struct Arguments {
  std::string model;
  std::string episode;
  std::size_t index = 0;
  std::int64_t frames = -1;
  PolicyOptions policy;
  bool probe = false;
  bool table = false;
  std::string gripper;
  std::string instruction;
  EngineOptions engine;
};

#ifdef DEER_HAVE_EPISODES

void print_table_head(const ModelSummary& model) {
  std::printf("%s: %s, %d layers, exits after layers", model.name.c_str(), model.family.c_str(), model.layers);
  for (const int layer : model.exit_layers) std::printf(" %d", layer);
  std::printf("; %s, %s\n", model.device.c_str(), model.dtype.c_str());
  if (!model.note.empty()) std::printf("note: %s\n", printable(model.note, 500).c_str());
  std::printf("%6s %5s %6s  %-17s %10s %10s  %s\n", "frame", "exit", "depth", "reason", "delta", "threshold", "time");
}

std::string number_or(float value, const char* fallback) {
  if (std::isnan(value)) return fallback;
  if (value >= static_cast<float>(kAlwaysLeave)) return "always";
  if (value <= static_cast<float>(kNeverLeave)) return "never";
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", static_cast<double>(value));
  return text;
}

void print_table_row(const FrameRecord& record, const ModelSummary& model) {
  const auto* taken = record.probe_at(record.exit_layer);
  const auto exit = record.exit_index >= 0
                        ? std::to_string(record.exit_index + 1) + "/" + std::to_string(model.exit_layers.size())
                        : std::string("-");
  std::printf("%6lld %5s %3d/%-2d  %-17s %10s %10s  %.1f ms\n", static_cast<long long>(record.frame), exit.c_str(),
              record.depth(), model.layers, std::string(to_string(record.reason)).c_str(),
              number_or(taken ? taken->delta : kNotEvaluated, "-").c_str(),
              number_or(taken ? taken->threshold : kNotEvaluated, "-").c_str(), record.times.total_ms());
}

struct Totals {
  std::int64_t frames = 0;
  double depth = 0;
  double milliseconds = 0;
  std::vector<std::int64_t> exits;
};

void print_totals(const Totals& totals, const ModelSummary& model) {
  if (totals.frames == 0) return;
  const auto count = static_cast<double>(totals.frames);
  std::fprintf(stderr, "%lld frames, mean depth %.2f of %d layers, %.1f ms a frame; frames per exit:",
               static_cast<long long>(totals.frames), totals.depth / count, model.layers, totals.milliseconds / count);
  for (std::size_t i = 0; i < totals.exits.size(); ++i) {
    std::fprintf(stderr, " %d:%lld", model.exit_layers[i], static_cast<long long>(totals.exits[i]));
  }
  std::fprintf(stderr, "\n");
}

void run(const Arguments& arguments) {
  // The episode first: it opens at once, and a wrong path should not wait for the model.
  OpenSourceOptions source_options;
  source_options.gripper = arguments.gripper;
  source_options.instruction = arguments.instruction;
  const auto collection = open_source(arguments.episode, source_options);
  for (const auto& warning : collection->warnings()) std::cerr << "deer: note: " << warning << '\n';
  if (!arguments.gripper.empty() && collection->kind() == "CALVIN") {
    throw Error(
        "--gripper is for image folders and videos; this is a CALVIN dataset, which has its own gripper camera");
  }
  const auto source = collection->open(arguments.index);
  const auto engine = Engine::load(arguments.model, arguments.engine);
  engine->set_policy(arguments.policy.apply(engine->policy()));
  const auto& model = engine->summary();
  if (!model.unused_tensors.empty()) {
    std::cerr << "deer: note: " << model.unused_tensors.size() << " tensors of the model are not used, '"
              << printable(model.unused_tensors.front()) << "' for one (deer info lists them): does config.json fit?\n";
  }
  auto frames = source->length().value_or(0);
  if (arguments.frames >= 0) frames = std::min(frames, arguments.frames);

  Totals totals;
  totals.exits.resize(model.exit_layers.size());
  if (arguments.table) print_table_head(model);
  for (std::int64_t i = 0; i < frames; ++i) {
    source->prefetch(i + 1);
    const auto observation = source->read(i);
    FrameInput input{i, observation->rgb_static, observation->rgb_gripper,
                     arguments.instruction.empty() ? observation->instruction : arguments.instruction};
    if (i == 0 && input.instruction.empty()) {
      std::cerr
          << "deer: note: this episode has no instruction; the model gets an empty one (--instruction gives it one)\n";
    }
    const auto record = engine->step(input, arguments.probe ? RunMode::probe : RunMode::policy);
    ++totals.frames;
    totals.depth += record->depth();
    totals.milliseconds += record->times.total_ms();
    if (record->exit_index >= 0) ++totals.exits[static_cast<std::size_t>(record->exit_index)];
    if (arguments.table) {
      print_table_row(*record, model);
    } else {
      std::cout << to_json(*record, *observation, input.instruction).dump() << '\n' << std::flush;
    }
  }
  print_totals(totals, model);
}

#else

void run(const Arguments&) { throw Error("this build has no dataset readers (configured with -DDEER_DATA=OFF)"); }

#endif

}  // namespace

void add_run(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("run", "Run a model over a recorded episode; prints one JSON object a frame");
  command->add_option("MODEL", a->model, "Model folder")->required();
  command->add_option("EPISODE", a->episode, "CALVIN dataset or split, folder of images, or video")->required();
  command->add_option("--index", a->index, "Which episode of the dataset, from 0 (see deer info)")
      ->capture_default_str();
  command->add_option("--frames", a->frames, "Stop after so many frames")->check(CLI::NonNegativeNumber);
  a->policy.add_to(*command);
  command->add_flag("--probe", a->probe, "Evaluate every exit of every frame");
  command->add_flag("--table", a->table, "Print a table to read instead of JSON");
  command->add_option("--gripper", a->gripper, "Second video or image folder: the gripper camera");
  command->add_option("--instruction", a->instruction, "Instruction to use instead of the recorded ones");
  add_engine_options(*command, a->engine);
  command->callback([a] { run(*a); });
}

}  // namespace deer::cli
