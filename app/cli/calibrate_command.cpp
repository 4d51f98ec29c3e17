// SPDX-License-Identifier: GPL-3.0-or-later
#include <iostream>
#include <random>

#include "app/cli/commands.h"
#include "app/cli/policy_options.h"
#include "app/cli/progress.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/budget/calibration.h"
#include "core/episodes/open_source.h"

namespace deer::cli {
namespace {

struct Arguments {
  std::string model;
  std::string data;
  std::string out;
  std::string split;
  std::string delta_type = "L2";
  std::string criterion = "action_delta";
  int samples = 1200;
  int window = 12;
  std::uint64_t seed = 0;
  EngineOptions engine;
};

// Annotations long enough for a window, or whole episodes where there are no annotations.
std::vector<std::size_t> usable_episodes(const EpisodeCollection& data, const Arguments& a) {
  std::vector<std::size_t> annotated;
  std::vector<std::size_t> whole;
  for (std::size_t i = 0; i < data.episodes().size(); ++i) {
    const auto& episode = data.episodes()[i];
    if (episode.length() < a.window || (!a.split.empty() && episode.split != a.split)) continue;
    if (episode.kind == EpisodeEntry::Kind::language_annotation) annotated.push_back(i);
    if (episode.kind == EpisodeEntry::Kind::whole) whole.push_back(i);
  }
  auto& chosen = annotated.empty() ? whole : annotated;
  if (chosen.empty()) {
    throw FileError(a.data, "has no episode with an instruction and " + std::to_string(a.window) + " frames" +
                                (a.split.empty() ? "" : " in its split '" + a.split + "'"));
  }
  return chosen;
}

void calibrate(const Arguments& a) {
  ExitPolicy criterion;
  criterion.delta_type = parse_delta_type(a.delta_type);
  criterion.criterion = parse_criterion(a.criterion);
  if (criterion.criterion != Criterion::action_delta && criterion.criterion != Criterion::feature_similarity) {
    throw Error("criterion '" + a.criterion +
                "' has no thresholds to calibrate: use action_delta or feature_similarity");
  }
  const auto data = open_source(a.data);
  const auto episodes = usable_episodes(*data, a);
  auto engine = Engine::load(a.model, a.engine);
  const auto& summary = engine->summary();
  const auto exits = summary.exit_layers.size();

  std::mt19937_64 random(a.seed);
  const auto draw = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
  CalibrationSet set;
  const auto first = static_cast<std::size_t>(a.window / 2 - 1);
  Progress progress;
  while (set.samples() < a.samples) {
    const auto source = data->open(episodes[draw(episodes.size())]);
    const auto length = static_cast<std::size_t>(source->length().value());
    const auto start = draw(length - static_cast<std::size_t>(a.window) + 1);
    engine->reset();
    std::vector<FrameRecordPtr> records;
    std::vector<int> history;
    // The last frame of a window is never looked at.
    for (std::size_t i = 0; i + 1 < static_cast<std::size_t>(a.window); ++i) {
      const auto seen = source->read(static_cast<std::int64_t>(start + i));
      const FrameInput input = {static_cast<std::int64_t>(i), seen->rgb_static, seen->rgb_gripper, seen->instruction};
      records.push_back(engine->step(input, RunMode::probe));
      history.push_back(static_cast<int>(draw(exits)));
    }
    add_window(*engine, records, history, first, criterion, set);
    const auto done = static_cast<double>(std::min<std::int64_t>(set.samples(), a.samples));
    progress.show("calibrating", done, a.samples);
  }
  progress.finish();
  for (auto& row : set.values) row.resize(static_cast<std::size_t>(a.samples));
  set.provenance = {{"kind", "deer calibration"},
                    {"version", kVersion},
                    {"model", summary.name},
                    {"data", std::filesystem::path(a.data).filename().string()},
                    {"split", a.split},
                    {"seed", std::to_string(a.seed)},
                    {"window", std::to_string(a.window)},
                    {"delta_type", std::string(to_string(criterion.delta_type))},
                    {"criterion", std::string(to_string(criterion.criterion))},
                    {"dtype", summary.dtype}};
  write_calibration(a.out, set);
  std::cout << a.samples << " samples of " << exits << " exits in " << a.out << '\n';
}

}  // namespace

void add_calibrate(CLI::App& app) {
  auto* command = app.add_subcommand("calibrate", "Collect every exit's criterion values on a sample of a data set");
  auto a = std::make_shared<Arguments>();
  command->add_option("model", a->model, "A model's folder")->required();
  command->add_option("dataset", a->data, "What deer run opens, with instructions")->required();
  command->add_option("--out", a->out, "Calibration file to write (safetensors)")->required();
  command->add_option("--samples", a->samples, "Frames to look at")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000000));
  command->add_option("--window", a->window, "Steps of a window")->capture_default_str()->check(CLI::Range(4, 4096));
  command->add_option("--seed", a->seed, "Which windows and histories are drawn")->capture_default_str();
  command->add_option("--split", a->split, "Only this split: training or validation");
  command->add_option("--delta-type", a->delta_type, "L2, mean, max or cosine")->capture_default_str();
  command->add_option("--criterion", a->criterion, "action_delta or feature_similarity")->capture_default_str();
  add_engine_options(*command, a->engine);
  command->callback([a] { calibrate(*a); });
}

}  // namespace deer::cli
