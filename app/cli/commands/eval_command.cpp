// SPDX-License-Identifier: GPL-3.0-or-later
#include <ATen/Parallel.h>
#include <c10/util/hash.h>
#include <mujoco/mujoco.h>
#include <sys/resource.h>
#include <torch/version.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include "app/cli/commands/commands.h"
#include "app/cli/support/json_log.h"
#include "app/cli/support/model_actor.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/progress.h"
#include "app/cli/support/slice.h"
#include "app/cli/support/task_list.h"
#include "app/cli/support/worker_pool.h"
#include "core/base/atomic_file.h"
#include "core/base/cpus.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/base/number_text.h"
#include "core/base/version.h"
#include "core/exits/policy_json.h"
#include "core/model/model_fingerprint.h"
#include "core/model/model_loader.h"

namespace deer::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Arguments {
  std::string model;
  PolicyOptions policy;
  EngineOptions engine;
  int chains = 200;
  int length = 5;
  int max_steps = 360;
  std::uint64_t seed = 0;
  int jobs = 0;
  std::string tasks;
  std::string part = "all";
  std::string json;
  std::string csv;
  bool expert = false;
  bool worker = false;
  Slice slice;
};

std::vector<Chain> chains_of(const Arguments& a) {
  ChainOptions options;
  options.tasks = parse_tasks(a.tasks);
  options.length = a.length;
  options.part = part_named(a.part);
  return draw_chains(a.chains, a.seed, options);
}

std::int64_t peak_memory_bytes() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

// A worker evaluates chains by number; it draws the same chains as its parent.
Job make_evaluator(const Arguments& a) {
  PlayTableOptions table_options;
  table_options.cameras = !a.expert;
  const auto table = std::make_shared<PlayTable>(table_options);
  const auto chains = std::make_shared<const std::vector<Chain>>(chains_of(a));
  std::shared_ptr<TableActor> actor;
  Json description;
  if (a.expert) {
    actor = make_expert_actor();
  } else {
    // OMP_NUM_THREADS is set too, but not every build of LibTorch reads it.
    at::set_num_threads(1);
    auto model = std::make_shared<ModelActor>(a.model, a.engine, a.policy);
    description = model->description();
    actor = std::move(model);
  }
  return [=, max_steps = a.max_steps](const Json& job, const JobReport&) -> Json {
    const auto& chain = chains->at(job.at("chain").get<std::size_t>());
    return {{"result", to_json(run_chain(*table, chain, *actor, max_steps))},
            {"model", description},
            {"peak_memory_bytes", peak_memory_bytes()}};
  };
}

// SHA-1 of the model's files, as printed by sha1sum, to identify the model; where it has others or large ones, also
// its fingerprint.
Json hashes_of(const fs::path& model) {
  constexpr std::uintmax_t kLargest = std::uintmax_t{512} << 20;
  Json out = Json::object();
  if (!fs::is_directory(model)) return out;
  bool others = false;
  for (const auto& entry : fs::directory_iterator(model)) {
    const auto name = entry.path().filename().string();
    const bool counts = name.ends_with(".safetensors") || name.ends_with(".pth") || name == "config.json";
    const bool weights = counts || name.ends_with(".pt") || name.ends_with(".bin") || entry.is_directory();
    if (!counts || !entry.is_regular_file() || entry.file_size() > kLargest) {
      others |= weights;
      continue;
    }
    const auto file = MappedFile::open(entry.path());
    out[name] = c10::sha1(std::string(reinterpret_cast<const char*>(file->bytes().data()), file->size())).str();
  }
  if (others) out["fingerprint"] = model_fingerprint(model);
  return out;
}

// Everything the results depend on, except the number of chains.
Json settings_of(const Arguments& a) {
  PolicyOptions given = a.policy;
  Json policy = policy_to_json(given.apply({}));
  if (!given.thresholds) policy["thresholds"] = nullptr;
  return {{"version", kVersion},
          {"libtorch", TORCH_VERSION},
          {"mujoco", mj_versionString()},
          {"model", a.expert ? Json("expert") : Json(a.model)},
          {"model_sha1", a.expert ? Json(nullptr) : hashes_of(a.model)},
          {"policy", policy},
          {"dtype", a.engine.dtype},
          {"device", a.engine.device},
          {"load_layers", a.engine.max_layer ? Json(*a.engine.max_layer) : Json(nullptr)},
          {"seed", a.seed},
          {"chain_length", a.length},
          {"max_steps", a.max_steps},
          {"tasks", names_of(parse_tasks(a.tasks))},
          {"part", a.part}};
}

// Finished chains as JSON lines next to the result, so that an interrupted evaluation can resume.
class ChainLog {
 public:
  explicit ChainLog(fs::path file) : file_(std::move(file)) {}

  /// Reads the chains of an earlier run with the same settings. Throws FileError if they differ.
  void open(const Json& settings, int chains) {
    if (file_.empty()) return;
    log_.emplace().open(file_, settings, [&](const Json& entry) {
      if (!entry.contains("result")) return;
      const auto result = chain_result_from_json(JsonFields(file_, entry["result"]));
      if (result.index < chains) entries_.emplace(result.index, entry);
    });
  }

  void add(const Json& entry) {
    const auto result = chain_result_from_json(JsonFields("result", entry.at("result")));
    entries_[result.index] = entry;
    if (log_) log_->add(entry);
  }

  bool has(int chain) const { return entries_.contains(chain); }
  const std::map<int, Json>& entries() const { return entries_; }

  std::vector<ChainResult> results() const {
    std::vector<ChainResult> out;
    for (const auto& [chain, entry] : entries_) {
      out.push_back(chain_result_from_json(JsonFields("result", entry.at("result"))));
    }
    return out;
  }

  void remove() {
    if (log_) log_->remove();
  }

 private:
  fs::path file_;
  std::optional<JsonLog> log_;
  std::map<int, Json> entries_;
};

void print_row(const std::string& name, const TaskStatistics& task) {
  std::printf("%-28s %6lld %7.1f%%  %5.1f%% – %5.1f%% %7.1f %7.2f\n", name.c_str(), static_cast<long long>(task.tries),
              100 * task.success_rate.value, 100 * task.success_rate.interval.low,
              100 * task.success_rate.interval.high, task.mean_steps, task.mean_depth);
}

void print_statistics(const BenchmarkStatistics& s, bool expert) {
  const auto title = [](const char* what) {
    std::printf("%-28s %6s %8s %15s %7s %7s\n", what, "tries", "success", "95 %", "steps", "depth");
  };
  title("task");
  for (const auto& [name, task] : s.per_task) print_row(name, task);
  if (s.per_difficulty.size() > 1) {
    std::printf("\n");
    title("difficulty");
    for (const Difficulty difficulty : kDifficulties) {
      const auto found = s.per_difficulty.find(to_string(difficulty));
      if (found != s.per_difficulty.end()) print_row(found->first, found->second);
    }
  }
  if (s.per_unseen.size() > 1) {
    std::printf("\n");
    title("new in the test");
    for (const auto& [what, task] : s.per_unseen) print_row(what, task);
  }
  std::printf("\nin a row");
  for (std::size_t i = 0; i < s.success_rate.size(); ++i)
    std::printf("  %zu: %.1f%%", i + 1, 100 * s.success_rate[i].value);
  std::printf("\naverage length %.3f (95 %%: %.3f – %.3f) over %s\n", s.average_length.value,
              s.average_length.interval.low, s.average_length.interval.high, counted(s.chains, "chain").c_str());
  if (expert) return;
  std::printf("depth %.3f layers (95 %%: %.3f – %.3f); exits:", s.mean_depth.value, s.mean_depth.interval.low,
              s.mean_depth.interval.high);
  for (const auto count : s.exits) {
    std::printf(" %.1f%%",
                100.0 * static_cast<double>(count) / static_cast<double>(std::max<std::int64_t>(1, s.calls)));
  }
  std::printf("\nGFLOPs per step (multiply-add = 1): %.4f language model (%.4f at full depth), %.4f total\n",
              s.mean_llm_gflops.value, s.mean_full_llm_gflops, s.mean_total_gflops.value);
  std::printf("milliseconds: %.2f model (%.2f vision, %.2f language model, %.2f head), %.2f world\n", s.model_ms,
              s.vision_ms, s.llm_ms, s.head_ms, s.world_ms);
}

// What it took, which differs from run to run.
struct Effort {
  std::int64_t peak_memory_bytes = 0;
  int jobs = 0;
  double seconds = 0;
};

Json result_json(const Json& settings, const Json& model, Json results, const BenchmarkStatistics& statistics,
                 const Effort& effort) {
  Json out = to_json(statistics);
  out["settings"] = settings;
  out["gflops_convention"] = "a multiply-add is one operation";
  out["model"] = model;
  out["peak_memory_bytes"] = effort.peak_memory_bytes;
  out["jobs"] = effort.jobs;
  out["seconds"] = effort.seconds;
  out["results"] = std::move(results);
  return out;
}

void evaluate(Arguments a) {
  if (a.jobs <= 0) a.jobs = usable_cpus();
  // A wrong model is told before there is a file that would have to be removed.
  if (!a.expert) open_model_files(a.model);
  if (!a.slice.is_whole() && fs::exists(a.json)) {
    const auto slice = read_json(a.json).value("slice", "");
    if (slice != a.slice.text()) {
      throw FileError(a.json, "holds " + (slice.empty() ? "no slice" : "slice " + printable(slice)) +
                                  ": give every slice a file of its own");
    }
  }
  const auto chains = chains_of(a);
  const auto settings = settings_of(a);
  ChainLog log(a.json.empty() ? fs::path() : fs::path(a.json + ".chains"));
  log.open(settings, a.chains);
  std::vector<Json> jobs;
  for (const auto& chain : chains) {
    if (a.slice.has(chain.index) && !log.has(chain.index)) jobs.push_back({{"chain", chain.index}});
  }
  const auto before = log.entries().size();
  if (before > 0) std::fprintf(stderr, "resuming after %zu chains\n", before);

  Progress progress;
  const auto start = Clock::now();
  double solved = 0;
  for (const auto& result : log.results()) solved += result.solved();
  WorkerPool::Events events;
  events.done = [&](std::size_t, const Json& entry) {
    log.add(entry);
    solved += chain_result_from_json(JsonFields("result", entry.at("result"))).solved();
  };
  events.idle = [&] {
    const auto done = static_cast<double>(log.entries().size());
    char text[120];
    std::snprintf(text, sizeof text, "%.0f of %zu chains, average length %.2f", done, before + jobs.size(),
                  done > 0 ? solved / done : 0.0);
    progress.show(text, done, static_cast<double>(before + jobs.size()), static_cast<double>(before));
  };
  auto command = own_arguments();
  command.push_back("--worker");
  const bool complete = WorkerPool{command, a.jobs}.run(Json::object(), jobs, events);
  progress.finish();
  if (!complete) {
    std::fprintf(stderr, "deer: interrupted after %zu chains%s\n", log.entries().size(),
                 a.json.empty() ? "" : "; run the same command to resume");
    throw CLI::RuntimeError(130);
  }
  const auto statistics = benchmark_statistics(log.results(), a.length);
  print_statistics(statistics, a.expert);
  if (!a.csv.empty()) write_file_atomically(a.csv, to_csv(log.results()));
  if (a.json.empty()) return;
  Effort effort{0, a.jobs, std::chrono::duration<double>(Clock::now() - start).count()};
  Json results = Json::array(), model;
  for (const auto& [chain, entry] : log.entries()) {
    effort.peak_memory_bytes = std::max(effort.peak_memory_bytes, entry.at("peak_memory_bytes").get<std::int64_t>());
    model = entry.at("model");
    results.push_back(entry.at("result"));
  }
  auto out = result_json(settings, model, std::move(results), statistics, effort);
  if (!a.slice.is_whole()) {
    out["slice"] = a.slice.text();
    out["chains_of_all_slices"] = a.chains;
  }
  write_file_atomically(a.json, out.dump(1) + "\n");
  log.remove();
}

}  // namespace

void merge_evaluations(const fs::path& out, const std::vector<std::string>& parts) {
  Json settings, model;
  std::int64_t chains = -1;
  std::map<int, Json> results;
  Effort effort;
  for (const auto& part : parts) {
    const auto json = read_json(part);
    const JsonFields fields(part, json);
    if (settings.is_null()) {
      settings = fields.object("settings").json();
      chains = fields.integer("chains_of_all_slices", -1);
    }
    if (fields.object("settings").json() != settings || fields.integer("chains_of_all_slices", -1) != chains) {
      throw FileError(part, "is of another evaluation than " + parts.front());
    }
    if (chains < 0) throw FileError(part, "is not a slice: it was made without --slice");
    const auto list = json.find("results");
    if (list == json.end() || !list->is_array()) fields.fail("results", "a list");
    for (const auto& result : *list) {
      const auto chain = chain_result_from_json(JsonFields(part, result)).index;
      if (!results.emplace(chain, result).second) {
        throw FileError(part, "holds chain " + std::to_string(chain) + ", which another slice has too");
      }
    }
    model = json.value("model", Json());
    effort.peak_memory_bytes = std::max(effort.peak_memory_bytes, fields.integer("peak_memory_bytes", 0));
    effort.jobs += static_cast<int>(fields.integer("jobs", 0));
    effort.seconds += fields.number("seconds", 0);
  }
  if (static_cast<std::int64_t>(results.size()) != chains) {
    throw Error("the slices hold " + std::to_string(results.size()) + " of " + std::to_string(chains) +
                " chains: give all of them");
  }
  std::vector<ChainResult> all;
  Json list = Json::array();
  for (auto& [chain, result] : results) {
    all.push_back(chain_result_from_json(JsonFields(out, result)));
    list.push_back(std::move(result));
  }
  const auto length = static_cast<int>(JsonFields(out, settings).integer("chain_length"));
  const auto statistics = benchmark_statistics(all, length);
  print_statistics(statistics, settings.value("model", "") == "expert");
  write_file_atomically(out, result_json(settings, model, std::move(list), statistics, effort).dump(1) + "\n");
}

void add_eval(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "eval", "Evaluate a model in the simulated world with CALVIN's protocol: success in chains of instructions");
  auto* model = command->add_option("MODEL", a->model, "Model folder");
  auto* expert = command->add_flag("--expert", a->expert, "Evaluate the scripted experts instead of a model");
  expert->excludes(model);
  a->policy.add_to(*command);
  command->add_option("--chains", a->chains, "Number of chains")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--length", a->length, "Instructions per chain")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command->add_option("--max-steps", a->max_steps, "Maximum steps per instruction")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--seed", a->seed, "Random seed for chains, tables and phrasings")
      ->capture_default_str()
      ->check(whole_number());
  command->add_option("--jobs", a->jobs, "Number of processes, with one thread each; 0: one per CPU")
      ->capture_default_str();
  command->add_option("--tasks", a->tasks, kTasksHelp);
  command
      ->add_option("--part", a->part,
                   "Scenes, phrasings and tasks of the suite referring: all, those that demonstrations may use, or "
                   "those kept for testing")
      ->check(CLI::IsMember({"all", "training", "test"}))
      ->capture_default_str();
  command->add_option("--json", a->json, "File for the results; an interrupted evaluation resumes from FILE.chains")
      ->check(output_file());
  command->add_option("--csv", a->csv, "File for a table with one row per instruction")->check(output_file());
  add_engine_options(*command, a->engine);
  add_slice_option(*command, a->slice, "deer merge puts their --json files together");
  command->add_flag("--worker", a->worker)->group("");
  command->callback([=] {
    if (!a->slice.is_whole() && a->json.empty()) throw Error("--slice needs --json, for deer merge");
    if (!a->expert && a->model.empty()) throw CLI::RequiredError("MODEL (or --expert)");
    if (a->worker) {
      serve_jobs([&](const Json&) { return make_evaluator(*a); });
    } else {
      evaluate(*a);
    }
  });
}

}  // namespace deer::cli
