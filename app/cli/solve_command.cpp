// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "app/cli/commands.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/budget/average_budget.h"
#include "core/budget/calibration.h"
#include "core/budget/cost_model.h"
#include "core/exits/exit_policy.h"
#include "core/model/model_loader.h"

namespace deer::cli {
namespace {

struct Arguments {
  std::string file;
  std::string model;
  double average_gflops = 0;
  double average_depth = 0;
  std::optional<int> max_layer;
  int tokens = 13;
  std::string distribution = "exp";
  std::string json;
};

void solve(const Arguments& a) {
  auto set = read_calibration(a.file);
  if ((a.average_gflops > 0) == (a.average_depth > 0)) {
    throw Error("give one average to meet: --average-gflops or --average-depth");
  }
  std::optional<ModelConfig> config;
  if (!a.model.empty()) {
    config = open_model_files(a.model).config;
    if (set.exit_layers.empty()) set.exit_layers = config->exit_layers();
    if (config->exit_layers() != set.exit_layers) {
      throw FileError(a.file, "was made with a model that has other exits than " + a.model);
    }
  }
  if (set.exit_layers.empty()) throw FileError(a.file, "does not name its exit layers: give the model with --model");
  if (a.average_gflops > 0 && !config) throw Error("--average-gflops needs --model, whose sizes make the cost");

  auto allowed = set.exit_layers;
  if (a.max_layer) allowed = exits_within(allowed, *a.max_layer);
  if (allowed.empty()) {
    throw Error("max layer " + std::to_string(*a.max_layer) + " allows no exit: the first one is after layer " +
                std::to_string(set.exit_layers.front()));
  }
  std::vector<double> costs;
  for (const int layer : allowed) {
    costs.push_back(a.average_gflops > 0 ? CostModel(*config).llm_gflops(layer, a.tokens) : layer + 1.0);
  }
  const auto flat = set.flat();
  const CalibrationValues values = {flat, set.exits(), set.samples()};
  const double average = a.average_gflops > 0 ? a.average_gflops : a.average_depth;
  const auto solution = solve_for_average(values, costs, average, parse_exit_distribution(a.distribution));
  double depth = 0;
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    depth += static_cast<double>(solution.counts[i]) * (allowed[i] + 1) / static_cast<double>(values.samples);
  }

  Json out = {{"thresholds", solution.thresholds},
              {"exit_layers", allowed},
              {"distribution", a.distribution},
              {"parameter", solution.parameter},
              {"calibration", std::filesystem::path(a.file).filename().string()},
              {"provenance", set.provenance},
              {"samples", values.samples},
              {"samples_by_exit", solution.counts},
              {"mean_depth", depth},
              {"version", kVersion}};
  if (a.average_gflops > 0) out["mean_llm_gflops"] = solution.mean_cost;
  if (!a.json.empty()) write_file_atomically(a.json, out.dump(1) + "\n");
  std::printf("exit after layer   threshold     samples\n");
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    const auto threshold = static_cast<double>(solution.thresholds[i]);
    const std::string text = threshold >= kAlwaysLeave ? "always" : threshold <= kNeverLeave ? "never" : "";
    if (text.empty()) {
      std::printf("%16d   %-11.6g  %8lld\n", allowed[i], threshold, static_cast<long long>(solution.counts[i]));
    } else {
      std::printf("%16d   %-11s  %8lld\n", allowed[i], text.c_str(), static_cast<long long>(solution.counts[i]));
    }
  }
  std::printf("mean depth %.3f layers", depth);
  if (a.average_gflops > 0) std::printf(", mean LLM cost %.4g GFLOPs a step (multiply-add = 1)", solution.mean_cost);
  std::printf("; %s, parameter %.6g\n", a.distribution.c_str(), solution.parameter);
}

}  // namespace

void add_solve(CLI::App& app) {
  auto* command = app.add_subcommand("solve", "Turn an average budget into thresholds, by a calibration file");
  auto a = std::make_shared<Arguments>();
  command->add_option("file", a->file, "Written by deer calibrate, or a checkpoint with the reference's values")
      ->required();
  command->add_option("--model", a->model, "The model that it was made with: for GFLOPs");
  command->add_option("--average-gflops", a->average_gflops, "Mean LLM GFLOPs a step, multiply-add = 1")
      ->check(CLI::PositiveNumber);
  command->add_option("--average-depth", a->average_depth, "Mean layers a step")->check(CLI::PositiveNumber);
  command->add_option("--max-layer", a->max_layer, "Peak budget: use layers below this one only");
  command->add_option("--tokens", a->tokens, "Length of a prompt, for GFLOPs")
      ->capture_default_str()
      ->check(CLI::Range(1, 32));
  command->add_option("--distribution", a->distribution, "exp, gauss or gamma")->capture_default_str();
  command->add_option("--json", a->json, "File for the thresholds, as --thresholds takes it");
  command->callback([a] { solve(*a); });
}

}  // namespace deer::cli
