// SPDX-License-Identifier: GPL-3.0-or-later
#include <ATen/Parallel.h>
#include <torch/version.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <limits>

#include "app/cli/commands/calibration_collector.h"
#include "app/cli/commands/commands.h"
#include "app/cli/support/episode_options.h"
#include "app/cli/support/json_log.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/policy_options.h"
#include "app/cli/support/progress.h"
#include "app/cli/support/slice.h"
#include "app/cli/support/worker_pool.h"
#include "core/base/cpus.h"
#include "core/base/error.h"
#include "core/base/text_lines.h"
#include "core/base/version.h"
#include "core/budget/calibration.h"
#include "core/budget/cost_model.h"
#include "core/episodes/open/open_source.h"
#include "core/exits/decision.h"
#include "core/model/device.h"
#include "core/model/model_fingerprint.h"
#include "core/model/model_loader.h"
#include "core/train/run/data_parallel.h"

namespace deer::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string model;
  std::string data;
  std::string gripper;
  std::string map;
  std::string out;
  std::string split;
  std::string delta_type = "L2";
  std::string criterion = "action_delta";
  std::string gate;
  int samples = 1200;
  int window = 12;
  std::uint64_t seed = 0;
  int jobs = 0;
  int threads = 1;
  bool worker = false;
  Slice slice;
  EngineOptions engine;
};

ExitPolicy criterion_of(const Arguments& a) {
  ExitPolicy out;
  out.delta_type = parse_delta_type(a.delta_type);
  out.criterion = a.gate.empty() ? parse_criterion(a.criterion) : Criterion::learned_gate;
  if (!compares(out)) {
    throw Error("criterion '" + a.criterion +
                "' has no thresholds to calibrate: use action_delta, feature_similarity or learned_gate");
  }
  if (out.criterion == Criterion::learned_gate) out.gate = chosen_gate(a.gate, {}, a.model);
  return out;
}

// The dataset and its episodes that are long enough: annotations, or whole recordings if there are none.
struct Data {
  std::shared_ptr<const EpisodeCollection> source;
  std::vector<std::size_t> episodes;
  std::vector<std::int64_t> lengths;

  explicit Data(const Arguments& a) {
    OpenSourceOptions options;
    // Windows are scattered: caching and reading ahead would not pay.
    options.cache = {std::size_t{32} << 20, 0, 0};
    options.gripper = a.gripper;
    options.map = a.map;
    source = open_source(a.data, options);
    const auto take = [&](EpisodeEntry::Kind kind) {
      for (std::size_t i = 0; i < source->episodes().size(); ++i) {
        const auto& episode = source->episodes()[i];
        if (episode.kind != kind || (!a.split.empty() && episode.split != a.split)) continue;
        const auto length = episode_length(*source, i);
        if (length < a.window) continue;
        episodes.push_back(i);
        lengths.push_back(length);
      }
    };
    take(EpisodeEntry::Kind::language_annotation);
    if (episodes.empty()) take(EpisodeEntry::Kind::whole);
    if (episodes.empty()) {
      throw FileError(a.data, "has no episode with an instruction and " + std::to_string(a.window) + " frames" +
                                  (a.split.empty() ? "" : " in its split '" + a.split + "'"));
    }
    require_cameras(*source->open(episodes.front()));
  }

  std::int64_t frames() const {
    std::int64_t out = 0;
    for (const auto length : lengths) out += length;
    return out;
  }
};

// Runs the model over windows, addressed by number.
class WindowRunner {
 public:
  explicit WindowRunner(const Arguments& a)
      : a_(a), criterion_(criterion_of(a)), data_(a), engine_(Engine::load(a.model, a.engine)) {
    // OMP_NUM_THREADS is set too, but not every build of LibTorch reads it.
    at::set_num_threads(a.threads);
  }

  // In place of a window with a frame that cannot be read another one is drawn; "skipped" then says why.
  Json operator()(std::int64_t number) {
    constexpr std::uint64_t kDraws = 20;
    std::string skipped;
    for (std::uint64_t draw = 0;; ++draw) {
      try {
        auto out = run(number, static_cast<std::uint64_t>(number) + (draw << 40));
        if (draw > 0) out["skipped"] = skipped;
        return out;
      } catch (const FileError& problem) {
        if (draw + 1 == kDraws) throw;
        if (draw == 0) skipped = problem.what();
      }
    }
  }

 private:
  Json run(std::int64_t number, std::uint64_t drawn) {
    const auto& exits = engine_->summary().exit_layers;
    const auto window = draw_window(a_.seed, drawn, data_.lengths, a_.window, static_cast<int>(exits.size()));
    const auto source = data_.source->open(data_.episodes[window.episode]);
    require_cameras(*source);
    engine_->reset();
    std::vector<FrameRecordPtr> records;
    std::vector<RecordedArm> recorded;
    // The last frame of a window is not sampled.
    for (std::size_t i = 0; i < window.history.size(); ++i) {
      const auto seen = source->read(window.start + static_cast<std::int64_t>(i));
      records.push_back(engine_->step(
          {static_cast<std::int64_t>(i), seen->rgb_static, seen->rgb_gripper, seen->instruction}, RunMode::probe));
      auto& arm = recorded.emplace_back();
      if (seen->rel_action) {
        arm.emplace();
        std::transform(seen->rel_action->begin(), seen->rel_action->begin() + 6, arm->begin(),
                       [](double x) { return static_cast<float>(x); });
      }
    }
    const bool any = std::any_of(recorded.begin(), recorded.end(), [](const RecordedArm& arm) { return !!arm; });
    CalibrationSet set;
    add_window(*engine_, records, window.history, static_cast<std::size_t>(a_.window / 2 - 1), criterion_, set,
               any ? std::span<const RecordedArm>(recorded) : std::span<const RecordedArm>());
    Json out = {{"window", number}, {"exit_layers", exits}, {"values", set.values}, {"errors", set.errors}};
    if (any) out["recorded"] = set.recorded_errors;
    return out;
  }

  const Arguments a_;
  ExitPolicy criterion_;
  Data data_;
  std::unique_ptr<Engine> engine_;
};

std::map<std::string, std::string> provenance_of(const Arguments& a, const Data& data, const std::string& dtype) {
  const auto criterion = criterion_of(a);
  const auto files = open_model_files(a.model);
  auto name = files.config.name;
  if (name.empty()) name = fs::absolute(a.model / fs::path(".")).lexically_normal().parent_path().filename().string();
  std::map<std::string, std::string> out = {
      {"kind", "deer calibration"},
      {"version", kVersion},
      {"libtorch", TORCH_VERSION},
      {"model", name},
      {"model_hash", model_fingerprint(a.model)},
      {"load_layers", a.engine.max_layer ? std::to_string(*a.engine.max_layer) : ""},
      {"data", fs::path(a.data).filename().string()},
      {"data_episodes", std::to_string(data.episodes.size())},
      {"data_frames", std::to_string(data.frames())},
      {"split", a.split},
      {"seed", std::to_string(a.seed)},
      {"window", std::to_string(a.window)},
      {"history", "random exits"},
      {"delta_type", std::string(to_string(criterion.delta_type))},
      {"criterion", std::string(to_string(criterion.criterion))},
      {"device", resolve_device(a.engine.device).is_cuda() ? "cuda" : "cpu"},
      {"dtype", dtype},
      {"threads", std::to_string(a.threads)}};
  if (!criterion.gate.empty()) {
    out["gate"] = criterion.gate.fingerprint;
    out["gate_file"] = criterion.gate.path;
  }
  return out;
}

// Parameters of the layers that will be loaded.
CostModel::Parameters parameters_of(const Arguments& a) {
  const auto config = open_model_files(a.model).config;
  const auto layers = static_cast<int>(config.decoder.layers);
  return CostModel(config).parameters(std::min(layers, std::max(1, a.engine.max_layer.value_or(layers))) - 1);
}

// One process per CPU, as far as memory allows; one process per GPU.
int default_jobs(const CostModel::Parameters& parameters, const std::string& device, const std::string& dtype) {
  if (resolve_device(device).is_cuda()) return 1;
  const double each = 1.3 * static_cast<double>(parameters.bytes(dtype == "float32" ? 4 : 2)) + 3e8;
  const double fit = static_cast<double>(available_memory_bytes()) / each;
  return std::max(1, std::min(usable_cpus(), static_cast<int>(fit)));
}

void write_set(const fs::path& out, CalibrationCollector collector, std::map<std::string, std::string> provenance) {
  auto set = std::move(collector).finish();
  set.provenance = std::move(provenance);
  set.provenance["samples"] = std::to_string(set.samples());
  write_calibration(out, set);
  std::cout << set.samples() << " samples of " << set.exits() << " exits in " << out.string() << '\n';
}

void show(Progress& progress, std::int64_t done, std::int64_t total, std::int64_t before) {
  progress.show("calibrating: " + std::to_string(done) + " of " + std::to_string(total) + " windows",
                static_cast<double>(done), static_cast<double>(total), static_cast<double>(before));
}

// Without ranks: windows go to worker processes on this machine.
void calibrate_here(Arguments a) {
  const Data data(a);
  print_warnings(*data.source);
  const auto parameters = parameters_of(a);
  const auto dtype = dtype_name(resolve_dtype(a.engine.dtype, resolve_device(a.engine.device), parameters.total()));
  if (a.jobs <= 0) a.jobs = default_jobs(parameters, a.engine.device, dtype);
  auto provenance = provenance_of(a, data, dtype);
  CalibrationCollector collector(a.samples, a.window);
  JsonLog log;
  // A slice's windows are its result.
  if (!a.slice.is_whole()) provenance["samples"] = std::to_string(a.samples);
  log.open(a.slice.is_whole() ? a.out + ".windows" : a.out, provenance,
           [&](const Json& entry) { collector.take(entry); });
  const auto before = collector.windows_done();
  if (before > 0) std::fprintf(stderr, "resuming after %lld windows\n", static_cast<long long>(before));

  // A job is a few windows; each window is reported when it is done.
  constexpr std::size_t kWindowsOfJob = 16;
  std::vector<Json> jobs;
  std::vector<std::int64_t> open;
  for (std::int64_t window = 0; window < collector.windows(); ++window) {
    if (a.slice.has(window) && !collector.has(window)) open.push_back(window);
  }
  const auto each =
      std::max<std::size_t>(1, std::min(kWindowsOfJob, open.size() / (static_cast<std::size_t>(a.jobs) * 4)));
  for (std::size_t i = 0; i < open.size(); i += each) {
    jobs.push_back(
        std::vector<std::int64_t>(open.begin() + static_cast<std::ptrdiff_t>(i),
                                  open.begin() + static_cast<std::ptrdiff_t>(std::min(i + each, open.size()))));
  }
  Progress progress;
  WorkerPool::Events events;
  events.report = [&](std::size_t, const Json& entry) {
    collector.take(entry);
    log.add(entry);
  };
  const auto all = before + static_cast<std::int64_t>(open.size());
  events.idle = [&] { show(progress, collector.windows_done(), all, before); };
  auto command = own_arguments();
  command.push_back("--worker");
  WorkerPool pool{command, a.jobs};
  pool.threads = a.threads;
  const bool complete = pool.run({{"dtype", dtype}}, jobs, events);
  progress.finish();
  if (!complete) {
    std::fprintf(stderr, "deer: interrupted after %lld windows; run the same command to resume\n",
                 static_cast<long long>(collector.windows_done()));
    constexpr int kInterrupted = 130;
    throw CLI::RuntimeError(kInterrupted);
  }
  const auto broken = collector.broken();
  if (a.slice.is_whole()) {
    write_set(a.out, std::move(collector), provenance);
    log.remove();
  } else {
    std::cout << "slice " << a.slice.text() << ": " << collector.windows_done() << " of " << collector.windows()
              << " windows in " << a.out << " (deer merge makes the set)\n";
  }
  broken.finish();
}

/// Files of finished windows beside `out`: of a single process, "OUT.windows", and of ranks, "OUT.windows.3".
std::vector<fs::path> window_files(const fs::path& out) {
  std::vector<fs::path> files;
  const auto wanted = out.filename().string() + ".windows";
  const auto folder = out.has_parent_path() ? out.parent_path() : fs::path(".");
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    if (!name.starts_with(wanted)) continue;
    const auto rank = std::string_view(name).substr(wanted.size());
    const bool digits = rank.size() > 1 && rank[0] == '.' &&
                        std::all_of(rank.begin() + 1, rank.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (rank.empty() || digits) files.push_back(out.parent_path() / name);
  }
  std::sort(files.begin(), files.end());
  return files;
}

// One of several ranks started by a launcher: each takes every n-th window.
void calibrate_among(Arguments a, const DataParallel& processes) {
  a.engine.device = device_of_rank(a.engine.device);
  const Data data(a);
  if (processes.rank() == 0) print_warnings(*data.source);
  const auto dtype =
      dtype_name(resolve_dtype(a.engine.dtype, resolve_device(a.engine.device), parameters_of(a).total()));
  // Rank 0's measurement decides for all.
  auto wide = at::full({1}, dtype == "float32" ? 1.0F : dtype == "bfloat16" ? 2.0F : 3.0F);
  processes.broadcast(wide);
  const float kind = wide.item<float>();
  a.engine.dtype = kind < 1.5F ? "float32" : kind < 2.5F ? "bfloat16" : "float16";
  const auto provenance = provenance_of(a, data, a.engine.dtype);
  CalibrationCollector collector(a.samples, a.window);
  const auto take = [&](const Json& entry) { collector.take(entry); };
  const auto mine = a.out + ".windows." + std::to_string(processes.rank());
  // Resume work done by a single process or by a different number of ranks.
  for (const auto& file : window_files(a.out)) {
    if (file != mine) JsonLog::read(file.string(), provenance, take);
  }
  JsonLog log;
  log.open(mine, provenance, take);
  Progress progress;
  std::optional<WindowRunner> run;
  std::int64_t before = 0;
  for (std::int64_t window = processes.rank(); window < collector.windows(); window += processes.size()) {
    if (collector.has(window)) {
      ++before;
      continue;
    }
    if (!run) run.emplace(a);
    const auto entry = (*run)(window);
    collector.take(entry);
    log.add(entry);
    // The other ranks are about as far.
    if (processes.is_first()) show(progress, window, collector.windows(), before * processes.size());
  }
  progress.finish();
  collector.gather(processes);
  const auto broken = collector.broken();
  if (processes.is_first()) write_set(a.out, std::move(collector), provenance);
  auto nothing = at::zeros({1});
  processes.sum(nothing);  // keep all window files until the set is written
  log.remove();
  std::error_code ignored;
  if (processes.is_first()) {
    for (const auto& file : window_files(a.out)) {
      // The other ranks remove their own.
      const auto rank = std::atoi(file.extension().c_str() + 1);
      if (file.extension() == ".windows" || rank >= processes.size()) fs::remove(file, ignored);
    }
  }
  broken.finish();
}

void serve(const Arguments& a) {
  serve_jobs([&](const Json& setup) -> Job {
    Arguments own = a;
    own.engine.dtype = setup.at("dtype").get<std::string>();
    const auto run = std::make_shared<WindowRunner>(own);
    return [run](const Json& windows, const JobReport& report) -> Json {
      for (const Json& window : windows) report((*run)(window.get<std::int64_t>()));
      return nullptr;
    };
  });
}

}  // namespace

void merge_calibrations(const fs::path& out, const std::vector<std::string>& parts) {
  Json settings;
  read_complete_lines(parts.front(), [&](const std::string& line) {
    settings = Json::parse(line, nullptr, false);
    return false;
  });
  const JsonFields fields(parts.front(), settings);
  const auto number = [&](const char* key) {
    int value = 0;
    const auto text = fields.text(key);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 1) fields.fail(key, "a number above 0");
    return value;
  };
  CalibrationCollector collector(number("samples"), number("window"));
  for (const auto& part : parts) {
    const auto before = collector.windows_done();
    if (!JsonLog::read(part, settings, [&](const Json& entry) { collector.take(entry); })) {
      throw FileError(part, "is not a slice of deer calibrate");
    }
    if (collector.windows_done() == before) throw FileError(part, "adds no window: is it given twice?");
  }
  if (collector.windows_done() != collector.windows()) {
    throw Error("the slices hold " + std::to_string(collector.windows_done()) + " of " +
                std::to_string(collector.windows()) + " windows: give all of them, finished");
  }
  write_set(out, std::move(collector), settings.get<std::map<std::string, std::string>>());
}

void add_calibrate(CLI::App& app) {
  auto* command =
      app.add_subcommand("calibrate", "Collect every exit's criterion values on sample frames of a dataset");
  auto a = std::make_shared<Arguments>();
  command->add_option("MODEL", a->model, "Model folder")->required();
  command
      ->add_option("DATASET", a->data,
                   "Dataset (CALVIN, LeRobot, RLDS, HDF5), image folder, or video, with instructions")
      ->required();
  command->add_option("--out", a->out, "Calibration file to write (safetensors); unfinished work in FILE.windows")
      ->check(output_file())
      ->required();
  command->add_option("--samples", a->samples, "Number of frames to sample")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000000));
  command->add_option("--window", a->window, "Steps per window")->capture_default_str()->check(CLI::Range(4, 4096));
  command->add_option("--seed", a->seed, "Random seed for windows and histories")
      ->capture_default_str()
      ->check(whole_number());
  command->add_option("--gripper", a->gripper, "Second video or image folder: the gripper camera");
  add_map_option(*command, a->map);
  command->add_option("--split", a->split, "Use only this split: training or validation");
  command->add_option("--delta-type", a->delta_type, "L2, mean, max or cosine")->capture_default_str();
  command->add_option("--criterion", a->criterion, "action_delta, feature_similarity or learned_gate")
      ->capture_default_str();
  command->add_option(
      "--gate", a->gate,
      "Learned gate from deer gate (--criterion learned_gate); default: gate.safetensors in the model's "
      "folder");
  command->add_option("--jobs", a->jobs, "Number of processes; 0: one per CPU as far as memory allows, one for a GPU")
      ->capture_default_str();
  command->add_option("--threads", a->threads, "Threads per process; may affect the last digits of results")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  add_engine_options(*command, a->engine);
  add_slice_option(*command, a->slice, "deer merge makes the set of their files");
  command->add_flag("--worker", a->worker)->group("");
  command->callback([a] {
    if (a->worker) return serve(*a);
    const auto processes = DataParallel::from_environment();
    if (processes.size() > 1 && !a->slice.is_whole()) throw Error("--slice is not for ranks: they divide the work");
    if (processes.size() > 1) return calibrate_among(*a, processes);
    calibrate_here(*a);
  });
}

}  // namespace deer::cli
