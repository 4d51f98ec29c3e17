// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "app/cli/commands/commands.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/policy_options.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/budget/budget_solver.h"
#include "core/budget/family_search.h"
#include "core/budget/optimal_thresholds.h"
#include "core/budget/saving.h"
#include "core/budget/thresholds_file.h"
#include "core/exits/exit_policy.h"
#include "core/model/model_fingerprint.h"
#include "core/model/model_loader.h"

namespace deer::cli {
namespace {

struct Arguments {
  std::string file;
  std::string model;
  std::string timings;
  std::string thresholds;
  std::string gate;
  BudgetRequest request;
  std::optional<double> memory_gb;
  std::string gflops = "llm";
  std::string convention = "one";
  std::string distribution = "exp";
  std::string dtype = "float32";
  std::string device = "cpu";
  int tokens = 13;
  int pareto = 0;
  bool reference_args = false;
  std::string json;
};

bool is_of_gate(const CalibrationSet& set) {
  const auto name = set.provenance.find("criterion");
  return name != set.provenance.end() && name->second == to_string(Criterion::learned_gate);
}

GateCost cost_of_gate(const Arguments& a, const CalibrationSet& set) {
  ExitPolicy policy;
  policy.criterion = Criterion::learned_gate;
  policy.gate = chosen_gate(a.gate, gate_of(set), a.model);
  return gate_cost(policy);
}

ExitCosts costs_of(const Arguments& a, CalibrationSet& set) {
  if (a.model.empty()) {
    if (set.exit_layers.empty()) throw FileError(a.file, "does not name its exit layers: give the model with --model");
    return exit_costs(set.exit_layers);
  }
  const auto config = open_model_files(a.model).config;
  const auto exits = config.exit_layers();
  const bool from_reference = set.exit_layers.empty();
  if (from_reference && set.exits() <= static_cast<std::int64_t>(exits.size())) {
    set.exit_layers.assign(exits.begin(), exits.begin() + set.exits());
  }
  // A calibration set made with --load-layers holds the first exits, and possibly an extra last one.
  const auto loaded = set.provenance.find("load_layers");
  const bool cut = loaded != set.provenance.end() && !loaded->second.empty();
  const auto compared = set.exit_layers.end() - (cut ? 1 : 0);
  const bool same = cut ? set.exit_layers.back() <= exits.back() &&
                              std::includes(exits.begin(), exits.end(), set.exit_layers.begin(), compared)
                        : set.exit_layers == exits || (from_reference && !set.exit_layers.empty());
  if (!same) {
    throw FileError(a.file, "was made with a model that has different exits than " + a.model);
  }
  const auto hash = set.provenance.find("model_hash");
  if (hash != set.provenance.end() && hash->second != model_fingerprint(a.model)) {
    std::cerr << "deer: note: " << a.file << " was made with a different model than " << a.model << '\n';
  }
  CostModel model(config,
                  a.convention == "two" ? FlopConvention::multiply_add_is_two : FlopConvention::multiply_add_is_one);
  if (is_of_gate(set)) model.set_gate(cost_of_gate(a, set));
  const MemoryModel memory(model, a.dtype == "float32" ? 4 : 2,
                           a.device == "cuda" ? MemoryModel::Device::cuda : MemoryModel::Device::cpu, a.tokens);
  return exit_costs(set.exit_layers, model, memory, a.tokens);
}

void print_table(const BudgetSolution& s) {
  std::printf("exit after layer   threshold     samples\n");
  for (std::size_t i = 0; i < s.exit_layers.size(); ++i) {
    const auto threshold = static_cast<double>(s.thresholds[i]);
    const std::string text = threshold >= kAlwaysLeave ? "always" : threshold <= kNeverLeave ? "never" : "";
    if (text.empty()) {
      std::printf("%16d   %-11.6g  %8lld\n", s.exit_layers[i], threshold, static_cast<long long>(s.counts[i]));
    } else {
      std::printf("%16d   %-11s  %8lld\n", s.exit_layers[i], text.c_str(), static_cast<long long>(s.counts[i]));
    }
  }
}

void print_cost(const char* name, const MeanAndPeak& cost, const char* unit) {
  if (std::isfinite(cost.mean)) std::printf("%-18s mean %-10.4g peak %-10.4g %s\n", name, cost.mean, cost.peak, unit);
}

void print_solution(const BudgetSolution& s, const Arguments& a) {
  print_table(s);
  const std::string convention = std::string("GFLOPs per step, multiply-add = ") + (a.convention == "two" ? "2" : "1");
  print_cost("depth", s.depth, "layers");
  print_cost("language model", s.llm_gflops, convention.c_str());
  print_cost("whole step", s.total_gflops, convention.c_str());
  print_cost("time", s.milliseconds, "ms per step");
  if (s.memory.total() > 0) {
    std::printf("%-18s %.4g GB: weights %.4g, activations %.4g, workspace %.4g (%s, %s)\n", "memory",
                1e-9 * static_cast<double>(s.memory.total()), 1e-9 * static_cast<double>(s.memory.weights),
                1e-9 * static_cast<double>(s.memory.activations), 1e-9 * static_cast<double>(s.memory.workspace),
                a.device.c_str(), a.dtype.c_str());
  }
  if (std::isfinite(s.mean_error)) std::printf("%-18s %.5g from the deepest exit\n", "action error", s.mean_error);
  if (std::isfinite(s.mean_recorded_error)) {
    std::printf("%-18s %.5g from the recorded action\n", "", s.mean_recorded_error);
  }
  std::printf("%-18s %.2f× less LLM compute than full depth\n", "saving", times_less(s.saving));
  for (const auto& state : s.constraints) {
    if (state.binds && state.met) {
      std::printf("%-18s %s\n", "binding constraint", std::string(to_string(state.constraint)).c_str());
    }
  }
  std::printf("%s", std::string(to_string(a.request.method)).c_str());
  if (s.parameter) std::printf(", parameter %.6g", *s.parameter);
  std::printf("\n");
}

Json curve_json(const std::vector<ParetoPoint>& points) {
  Json out = Json::array();
  for (const auto& point : points) {
    out.push_back({{"cost", point.cost},
                   {"error", point.error},
                   {"parameter", point.parameter},
                   {"thresholds", point.thresholds}});
  }
  return out;
}

// Curves of error over cost, for plots.
Json pareto_json(const PreparedCalibration& set, const ExitCosts& costs, const Arguments& a) {
  std::vector<double> by_exit = costs.llm_gflops;
  std::string unit = "llm_gflops";
  if (by_exit.empty()) {
    for (const int layer : costs.exit_layers) by_exit.push_back(layer + 1);
    unit = "depth";
  }
  Json out = {{"cost", unit}};
  for (const auto family : {ExitDistribution::exponential, ExitDistribution::gaussian, ExitDistribution::gamma}) {
    out[std::string(to_string(family))] = curve_json(family_curve(set, by_exit, family, a.pareto));
  }
  out["optimal"] = curve_json(optimal_curve(set, by_exit, a.pareto));
  return out;
}

void solve(Arguments& a) {
  auto set = read_calibration(a.file);
  auto& request = a.request;
  const bool no_average = !request.average_gflops && !request.average_depth && !request.average_ms;
  if (no_average && a.thresholds.empty() && !request.peak_gflops && !request.peak_ms && !a.memory_gb &&
      !request.max_layer) {
    throw Error("give a budget: --average-gflops, --average-depth, --average-ms, a peak, or --memory-gb");
  }
  request.method = parse_threshold_method(a.distribution);
  request.scope = a.gflops == "total" ? GflopScope::total : GflopScope::llm;
  if (a.memory_gb) request.memory_bytes = *a.memory_gb * 1e9;
  if (a.model.empty() && (request.average_gflops || request.peak_gflops || a.memory_gb)) {
    throw Error("a budget in GFLOPs or memory needs --model, to compute costs from its sizes");
  }
  auto costs = costs_of(a, set);
  if (!a.timings.empty()) {
    const auto timings = read_timings(a.timings);
    const auto hash = set.provenance.find("model_hash");
    if (hash != set.provenance.end() && !timings.model_hash.empty() && hash->second != timings.model_hash) {
      std::cerr << "deer: note: " << a.timings << " was measured with a different model than " << a.file << '\n';
    }
    if (timings.gate.empty() == is_of_gate(set)) {
      std::cerr << "deer: note: " << a.timings << " was measured "
                << (timings.gate.empty() ? "without the learned gate (deer bench --gate)\n" : "with a learned gate\n");
    }
    add_milliseconds(costs, timings);
  }
  const PreparedCalibration prepared(set);
  BudgetSolution solution;
  if (a.thresholds.empty()) {
    solution = solve_budget(prepared, costs, request);
  } else {
    const auto given = read_thresholds(a.thresholds);
    check_exits(given, costs.exit_layers);
    check_criterion(given, set);
    solution = evaluate_thresholds(prepared, costs, {given.thresholds.begin(), given.thresholds.end()}, request);
  }
  const auto file = thresholds_of(solution, request, set);
  if (!solution.feasible && a.thresholds.empty()) throw Error(solution.problem);
  if (!a.json.empty()) {
    auto extended = file;
    extended.solution["calibration"] = std::filesystem::path(a.file).filename().string();
    if (a.convention == "two") extended.solution["gflops_convention"] = "a multiply-add is two operations";
    if (a.pareto > 0) extended.solution["pareto"] = pareto_json(prepared, costs, a);
    write_thresholds(a.json, extended);
  }
  if (a.reference_args) {
    std::cout << reference_arguments(file, costs.exit_layers.back()) << '\n';
    return;
  }
  print_solution(solution, a);
  if (!solution.problem.empty()) std::printf("%s\n", solution.problem.c_str());
}

}  // namespace

void add_solve(CLI::App& app) {
  auto* command = app.add_subcommand("solve", "Solve thresholds for a budget, using a calibration file");
  auto a = std::make_shared<Arguments>();
  auto& r = a->request;
  command
      ->add_option("FILE", a->file, "Calibration file from deer calibrate, or a checkpoint with the reference's values")
      ->required();
  command->add_option("--model", a->model, "Model folder the file was made with; needed for GFLOPs and memory");
  command->add_option("--average-gflops", r.average_gflops, "Mean GFLOPs per step")->check(above_zero());
  command->add_option("--average-depth", r.average_depth, "Mean layers per step")->check(above_zero());
  command->add_option("--average-ms", r.average_ms, "Mean milliseconds per step, with --timings")->check(above_zero());
  command->add_option("--peak-gflops", r.peak_gflops, "Maximum GFLOPs per step")->check(above_zero());
  command->add_option("--peak-ms", r.peak_ms, "Maximum milliseconds per step, with --timings")->check(above_zero());
  command->add_option("--memory-gb", a->memory_gb, "Memory limit for the loaded layers, in 10^9 bytes")
      ->check(above_zero());
  command->add_option(
      "--gate", a->gate,
      "With --model: the learned gate whose values the file holds, if it has moved; its cost is counted");
  command->add_option("--max-layer", r.max_layer, "Use only layers below this one");
  command->add_option("--timings", a->timings, "Timings of this model on a device, from deer bench");
  command->add_option("--gflops", a->gflops, "What GFLOPs cover: llm (as in the paper) or total (the whole step)")
      ->capture_default_str()
      ->check(CLI::IsMember({"llm", "total"}));
  command->add_option("--multiply-add", a->convention, "Count a multiply-add as one operation (as in the paper) or two")
      ->capture_default_str()
      ->check(CLI::IsMember({"one", "two"}));
  command->add_option("--dtype", a->dtype, "Data type for memory: float32, bfloat16 or float16")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "bfloat16", "float16"}));
  command->add_option("--device", a->device, "Device for memory: cpu or cuda")
      ->capture_default_str()
      ->check(CLI::IsMember({"cpu", "cuda"}));
  command->add_option("--tokens", a->tokens, "Prompt length in tokens, for GFLOPs")
      ->capture_default_str()
      ->check(CLI::Range(1, 32));
  command->add_option("--distribution", a->distribution, "exp, gauss, gamma or optimal")->capture_default_str();
  command->add_flag("--skip-first", r.skip_first, "Disable the first exit (as the reference does for its 9B model)");
  command->add_option("--thresholds", a->thresholds, "Evaluate the thresholds in this file instead of solving");
  auto* const json = command->add_option("--json", a->json, "File for the thresholds, readable by --thresholds");
  json->check(output_file());
  command
      ->add_option("--pareto", a->pareto, "With --json: also write this many points of error over cost for each method")
      ->needs(json)
      ->check(CLI::Range(2, 1000));
  command->add_flag("--reference-args", a->reference_args, "Print only the arguments for the reference's evaluation");
  command->callback([a] { solve(*a); });
}

}  // namespace deer::cli
