// SPDX-License-Identifier: GPL-3.0-or-later
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "app/cli/commands/commands.h"
#include "app/cli/support/child_process.h"
#include "app/cli/support/json_log.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/policy_options.h"
#include "app/cli/support/progress.h"
#include "app/cli/support/task_list.h"
#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/base/version.h"
#include "core/budget/bayesian_tuner.h"
#include "core/budget/thresholds_file.h"
#include "core/model/model_fingerprint.h"

namespace deer::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Arguments {
  std::string model;
  std::string command;
  std::string thresholds;
  std::string gate;
  std::string out;
  int evaluations = 20;
  int random = 10;
  std::string acquisition = "EI";
  std::uint64_t seed = 1;
  std::optional<double> budget;
  double weight = 1;
  double first_width = 0.02;
  double other_width = 0.002;
  // Passed to deer eval.
  int chains = 224;
  int length = 5;
  int max_steps = 360;
  std::uint64_t eval_seed = 0;
  int jobs = 0;
  std::string tasks;
  std::string part = "all";
  std::string device = "auto";
  std::string dtype = "auto";
};

struct Outcome {
  double success = 0;
  double mean_exit = 0;
};

// A threshold as written on the command line, so that the stored value is the evaluated one.
std::string text_of(double threshold) {
  if (threshold >= kAlwaysLeave) return "100000000.0";
  return general_text(threshold, 9);
}

double rounded(double threshold) { return parse_number(text_of(threshold)).value_or(threshold); }

std::string joined(const std::vector<double>& thresholds, const char* between) {
  std::string out;
  for (const double threshold : thresholds) out += (out.empty() ? "" : between) + text_of(threshold);
  return out;
}

std::vector<double> numbers_in(std::string line) {
  for (char& c : line) {
    if (c == ',' || c == ';') c = ' ';
  }
  std::istringstream words(line);
  std::string word;
  std::vector<double> out;
  while (words >> word) {
    const auto number = parse_number(word);
    if (!number) return {};
    out.push_back(*number);
  }
  return out;
}

// The last line is JSON with `success` and `mean_exit` (or deer eval's names for them), or the two numbers; or the
// last two lines are one number each, as the reference's evaluation prints them.
Outcome outcome_in(const std::string& output) {
  std::vector<std::string> lines;
  std::istringstream in(output);
  for (std::string line; std::getline(in, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) lines.push_back(line);
  }
  const auto fail = [&]() -> Outcome {
    throw Error("the command's last line is '" + printable(lines.empty() ? "" : lines.back()) +
                "', expected {\"success\": …, \"mean_exit\": …} or two numbers: success and mean exit");
  };
  if (lines.empty()) return fail();
  Outcome out;
  const Json json = Json::parse(lines.back(), nullptr, false);
  if (json.is_object()) {
    const auto number = [&](const char* name, const char* other) {
      const auto place = json.contains(name) ? json.find(name) : json.find(other);
      if (place == json.end() || !place->is_number()) {
        throw Error(std::string("the command printed JSON without a number '") + name + "'");
      }
      return place->get<double>();
    };
    out = {number("success", "average_length"), number("mean_exit", "mean_depth")};
  } else if (const auto last = numbers_in(lines.back()); last.size() == 2) {
    out = {last[0], last[1]};
  } else if (last.size() == 1 && lines.size() > 1 && numbers_in(lines[lines.size() - 2]).size() == 1) {
    out = {numbers_in(lines[lines.size() - 2])[0], last[0]};
  } else {
    return fail();
  }
  if (!std::isfinite(out.success) || !std::isfinite(out.mean_exit)) return fail();
  return out;
}

[[noreturn]] void interrupted() {
  std::fputs("deer: interrupted; run the same command to resume\n", stderr);
  constexpr int kInterrupted = 130;
  throw CLI::RuntimeError(kInterrupted);
}

Outcome run_command(const Arguments& a, const std::vector<double>& thresholds) {
  auto line = a.command;
  bool placed = false;
  for (const auto& [name, between] : {std::pair{"{thresholds}", " "}, std::pair{"{thresholds,}", ","}}) {
    const auto text = joined(thresholds, between);
    for (auto at = line.find(name); at != std::string::npos; at = line.find(name, at + text.size())) {
      line.replace(at, std::string_view(name).size(), text);
      placed = true;
    }
  }
  if (!placed) line += " " + joined(thresholds, " ");
  const auto result = run_child({"/bin/sh", "-c", line});
  if (result.end.interrupted) interrupted();
  if (!result.end.succeeded) throw Error("the command '" + printable(line, 200) + "' " + result.end.text);
  return outcome_in(result.output);
}

Outcome run_eval(const Arguments& a, const ThresholdsFile& start, const std::vector<double>& thresholds) {
  const auto file = a.out + ".eval";
  std::vector<std::string> arguments = {"/proc/self/exe",
                                        "eval",
                                        a.model,
                                        "--thresholds",
                                        joined(thresholds, ","),
                                        "--criterion",
                                        std::string(to_string(start.criterion)),
                                        "--delta-type",
                                        std::string(to_string(start.delta_type)),
                                        "--chains",
                                        std::to_string(a.chains),
                                        "--length",
                                        std::to_string(a.length),
                                        "--max-steps",
                                        std::to_string(a.max_steps),
                                        "--seed",
                                        std::to_string(a.eval_seed),
                                        "--jobs",
                                        std::to_string(a.jobs),
                                        "--device",
                                        a.device,
                                        "--dtype",
                                        a.dtype,
                                        "--json",
                                        file};
  if (!start.gate.empty()) arguments.insert(arguments.end(), {"--gate", start.gate.path});
  if (a.part != "all") arguments.insert(arguments.end(), {"--part", a.part});
  if (!a.tasks.empty()) arguments.insert(arguments.end(), {"--tasks", a.tasks});
  if (!start.exit_layers.empty()) {
    arguments.insert(arguments.end(), {"--max-layer", std::to_string(start.exit_layers.back() + 1)});
  }
  const auto result = run_child(arguments);
  if (result.end.interrupted) interrupted();
  if (!result.end.succeeded) throw Error("deer eval " + result.end.text);
  const Json json = read_json(file);
  const JsonFields fields(file, json);
  const Outcome out = {fields.number("average_length"), fields.number("mean_depth")};
  std::error_code ignored;
  fs::remove(file, ignored);
  return out;
}

// Everything the evaluations depend on, except their number.
Json settings_of(const Arguments& a, const ThresholdsFile& start, const SearchBox& box) {
  Json out = {{"kind", "deer tune"},
              {"version", kVersion},
              {"start", start.thresholds},
              {"exit_layers", start.exit_layers},
              {"criterion", to_string(start.criterion)},
              {"delta_type", to_string(start.delta_type)},
              {"low", box.low},
              {"high", box.high},
              {"acquisition", a.acquisition},
              {"random_points", a.random},
              {"seed", a.seed},
              {"budget", a.budget ? Json(*a.budget) : Json(nullptr)},
              {"weight", a.weight}};
  if (!start.gate.empty()) out["gate"] = start.gate.fingerprint;
  if (!a.command.empty()) {
    out["command"] = a.command;
    return out;
  }
  out["model_hash"] = model_fingerprint(a.model);
  out["chains"] = a.chains;
  out["chain_length"] = a.length;
  out["max_steps"] = a.max_steps;
  out["eval_seed"] = a.eval_seed;
  out["tasks"] = a.tasks;
  out["part"] = a.part;
  out["dtype"] = a.dtype;
  return out;
}

// The evaluations so far, in the file and in the tuner.
class Tuning {
 public:
  Tuning(const Arguments& a, ThresholdsFile start, const SearchBox& box)
      : a_(a), start_(std::move(start)), tuner_(options(a, start_, box)) {
    log_.open(a.out + ".evaluations", settings_of(a, start_, box), [&](const Json& entry) { take(entry); });
    if (!entries_.empty()) std::fprintf(stderr, "resuming after %zu evaluations\n", entries_.size());
  }

  void run() {
    std::printf("%4s %9s %10s %10s   thresholds\n", "", "success", "mean exit", "objective");
    for (std::size_t i = 0; i < entries_.size(); ++i) print(i);
    while (entries_.size() < static_cast<std::size_t>(a_.evaluations)) {
      auto thresholds = tuner_.next();
      for (double& threshold : thresholds) threshold = rounded(threshold);
      thresholds.push_back(kAlwaysLeave);
      const auto begin = Clock::now();
      const auto outcome = a_.command.empty() ? run_eval(a_, start_, thresholds) : run_command(a_, thresholds);
      const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      const double budget = budget_or(outcome.mean_exit);
      const Json entry = {{"index", entries_.size()},
                          {"thresholds", thresholds},
                          {"success", outcome.success},
                          {"mean_exit", outcome.mean_exit},
                          {"objective", tuning_objective(outcome.success, outcome.mean_exit, budget, a_.weight)},
                          {"seconds", seconds}};
      take(entry);
      log_.add(entry);
      print(entries_.size() - 1);
    }
  }

  void write() const {
    const auto& values = tuner_.evaluations();
    const auto best = static_cast<std::size_t>(&tuner_.best() - values.data());
    ThresholdsFile out = start_;
    out.thresholds = entries_[best].at("thresholds").get<std::vector<double>>();
    out.provenance["tuned_by"] = a_.command.empty() ? "deer eval" : "a command";
    out.provenance["tuner_version"] = kVersion;
    const auto summary = [&](std::size_t i) {
      auto entry = entries_[i];
      entry.erase("seconds");
      return entry;
    };
    out.solution = {{"tuner",
                     {{"acquisition", a_.acquisition},
                      {"seed", a_.seed},
                      {"evaluations", entries_.size()},
                      {"budget", budget_or(0)},
                      {"weight", a_.weight},
                      {"offline", summary(0)},
                      {"best", summary(best)}}}};
    write_thresholds(a_.out, out);
    const auto& from = entries_.front();
    const auto& to = entries_[best];
    std::printf("best: evaluation %zu, success %.4f at mean exit %.3f (offline thresholds: %.4f at %.3f)\n", best,
                to.at("success").get<double>(), to.at("mean_exit").get<double>(), from.at("success").get<double>(),
                from.at("mean_exit").get<double>());
  }

 private:
  static TunerOptions options(const Arguments& a, const ThresholdsFile& start, const SearchBox& box) {
    TunerOptions out;
    out.low = box.low;
    out.high = box.high;
    for (std::size_t i = 0; i < box.low.size(); ++i) {
      out.start.push_back(std::clamp(start.thresholds[i], box.low[i], box.high[i]));
    }
    out.random_points = a.random;
    out.acquisition = parse_acquisition(a.acquisition);
    out.seed = a.seed;
    return out;
  }

  // As in the reference: the cost of the offline thresholds, unless --budget is given.
  double budget_or(double first) const {
    if (a_.budget) return *a_.budget;
    return entries_.empty() ? first : entries_.front().at("mean_exit").get<double>();
  }

  void take(const Json& entry) {
    if (entry.at("index").get<std::size_t>() != entries_.size()) {
      throw FileError(a_.out + ".evaluations", "lacks evaluation " + std::to_string(entries_.size()));
    }
    auto point = entry.at("thresholds").get<std::vector<double>>();
    if (point.empty()) throw FileError(a_.out + ".evaluations", "has an evaluation without thresholds");
    point.pop_back();
    tuner_.add({std::move(point), entry.at("objective").get<double>()});
    (void)entry.at("success").get<double>();
    (void)entry.at("mean_exit").get<double>();
    entries_.push_back(entry);
  }

  void print(std::size_t i) const {
    const auto& entry = entries_[i];
    std::printf("%4zu %9.4f %10.4f %10.4f   %s\n", i, entry.at("success").get<double>(),
                entry.at("mean_exit").get<double>(), entry.at("objective").get<double>(),
                joined(entry.at("thresholds").get<std::vector<double>>(), " ").c_str());
    std::fflush(stdout);
  }

  const Arguments& a_;
  ThresholdsFile start_;
  BayesianTuner tuner_;
  JsonLog log_;
  std::vector<Json> entries_;
};

void tune(const Arguments& a) {
  if (a.model.empty() == a.command.empty())
    throw Error("give either a MODEL to evaluate or a --command that evaluates");
#ifndef DEER_HAVE_SIM
  if (a.command.empty()) throw Error("this build has no simulated world: give a --command");
#endif
  // One thread: the matrices are small, and the search is then the same on any machine.
  at::set_num_threads(1);
  auto start = read_thresholds(a.thresholds);
  if (start.criterion == Criterion::learned_gate && a.command.empty()) {
    start.gate = chosen_gate(a.gate, start.gate, a.model);
  } else if (!a.gate.empty()) {
    throw Error("--gate is for thresholds of the criterion learned_gate, evaluated with deer eval");
  }
  const auto box = search_box(start.thresholds, a.first_width, a.other_width);
  Tuning tuning(a, start, box);
  tuning.run();
  tuning.write();
}

}  // namespace

void add_tune(CLI::App& app) {
  auto* command =
      app.add_subcommand("tune", "Improve thresholds by Bayesian optimisation of success in closed loop; resumable");
  auto a = std::make_shared<Arguments>();
  command->add_option("MODEL", a->model, "Model folder, evaluated with deer eval in the simulated world");
  command->add_option(
      "--command", a->command,
      "Evaluate with this shell command instead; {thresholds} is replaced by the thresholds, {thresholds,} by "
      "the same with commas; its last line is {\"success\": …, \"mean_exit\": …} or the two numbers");
  command->add_option("--thresholds", a->thresholds, "Starting thresholds: a file from deer solve")->required();
  command->add_option(
      "--gate", a->gate,
      "Learned gate that the thresholds are for; default: the file's, or gate.safetensors in the model's "
      "folder");
  command->add_option("--out", a->out, "File for the best thresholds; every evaluation is stored in FILE.evaluations")
      ->check(output_file())
      ->required();
  command->add_option("--evaluations", a->evaluations, "Total number of evaluations")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  command->add_option("--random", a->random, "Random evaluations after the first, before the Gaussian process is used")
      ->capture_default_str()
      ->check(CLI::Range(0, 100000));
  command->add_option("--acquisition", a->acquisition, "EI, LCB or PI")->capture_default_str();
  command->add_option("--seed", a->seed, "Random seed of the search")->capture_default_str()->check(whole_number());
  command->add_option("--budget", a->budget,
                      "Mean exit up to which there is no penalty; default: that of the starting thresholds");
  command->add_option("--weight", a->weight, "Penalty in success per layer above the budget")
      ->capture_default_str()
      ->check(at_least_zero());
  command->add_option("--first-width", a->first_width, "Half-width of the search box for the first threshold")
      ->capture_default_str()
      ->check(above_zero());
  command->add_option("--other-width", a->other_width, "Half-width of the search box for the other thresholds")
      ->capture_default_str()
      ->check(above_zero());
  command->add_option("--chains", a->chains, "Chains per evaluation")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command->add_option("--length", a->length, "Instructions per chain")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  command->add_option("--max-steps", a->max_steps, "Maximum steps per instruction")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command->add_option("--eval-seed", a->eval_seed, "Random seed of the chains")
      ->capture_default_str()
      ->check(whole_number());
  command->add_option("--tasks", a->tasks, kTasksHelp);
  command
      ->add_option("--part", a->part,
                   "Scenes, phrasings and tasks of the suite referring: all, those that demonstrations may use, or "
                   "those kept for testing")
      ->check(CLI::IsMember({"all", "training", "test"}))
      ->capture_default_str();
  command->add_option("--jobs", a->jobs, "Processes for deer eval; 0: one per CPU")->capture_default_str();
  command->add_option("--device", a->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command->add_option("--dtype", a->dtype, "auto, float32, bfloat16 or float16")->capture_default_str();
  command->callback([a] { tune(*a); });
}

}  // namespace deer::cli
