// SPDX-License-Identifier: GPL-3.0-or-later
#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>

#include "app/cli/commands/commands.h"
#ifdef DEER_HAVE_TRACE
#include "app/cli/support/lerobot_output.h"
#include "core/episodes/calvin/calvin_dataset.h"
#endif
#include "app/cli/support/model_actor.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/progress.h"
#include "app/cli/support/slice.h"
#include "app/cli/support/task_list.h"
#include "app/cli/support/worker_pool.h"
#include "core/base/atomic_file.h"
#include "core/base/cpus.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/exits/policy_json.h"
#include "core/sim/recorder.h"

namespace deer::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kScene = "calvin_scene_deerscope";
constexpr std::int64_t kFirstFrameId = 1000;  // loaders expect the first window to start after frame 0

struct Arguments {
  std::string out;
  int episodes = 0;
  std::uint64_t seed = 0;
  int jobs = 0;
  std::string format = "calvin";
  std::string split = "both";
  double validation_share = 0.1;
  std::string tasks;
  std::string part = "training";
  int scatter = 0;
  int shard = 50;
  RecorderOptions recorder;
  std::string model;
  PolicyOptions policy;
  EngineOptions engine;
  bool worker = false;
  Slice slice;
};

Json settings_of(const Arguments& a) {
  Json out = {{"version", kVersion},
              {"episodes", a.episodes},
              {"seed", a.seed},
              {"split", a.split},
              {"validation_share", a.validation_share},
              {"tasks", names_of(a.recorder.tasks)},
              {"part", a.part},
              {"scatter", a.scatter},
              {"tasks_a_shard", a.shard},
              {"noise", a.recorder.noise},
              {"noise_chance", a.recorder.noise_chance},
              {"tasks_a_segment", a.recorder.tasks_a_segment}};
  if (a.format != "calvin") out["format"] = a.format;
  if (!a.model.empty()) {
    out["model"] = a.model;
    out["policy"] = policy_to_json(a.policy.apply({}));
    out["learner_steps"] = a.recorder.learner_steps;
  }
  return out;
}

Job make_recorder(const Arguments& a, const Json& setup) {
  RecorderOptions options;
  options.learner_steps = a.recorder.learner_steps;
  if (!a.model.empty()) {
    at::set_num_threads(1);
    options.learner = std::make_shared<ModelActor>(a.model, a.engine, a.policy);
  }
  const JsonFields fields("setup", setup);
  options.noise = fields.number("noise");
  options.noise_chance = fields.number("noise_chance");
  options.tasks_a_segment = static_cast<int>(fields.integer("tasks_a_segment"));
  options.part = part_named(fields.text("part"));
  for (const auto& name : setup.at("tasks")) {
    const auto tasks = tasks_named(name.get<std::string>());
    options.tasks.insert(options.tasks.end(), tasks.begin(), tasks.end());
  }
  const fs::path out = fields.text("out");
  return [=](const Json& job, const JobReport& report) {
    return to_json(
        record_shard(out, shard_plan_from_json(JsonFields("job", job)), options, [&](int tasks, auto frames) {
          report({{"tasks", tasks}, {"frames", frames}});
        }));
  };
}

// A recording in progress: its shards, and the results of the finished ones.
class Recording {
 public:
  explicit Recording(const Arguments& a)
      : out_(a.out),
        state_(out_ / ".recording"),
        frames_(a.format == "lerobot" ? state_ / "frames" : out_),
        settings_(settings_of(a)) {
    const auto plan = [&](const char* split, int tasks, int scatter, std::int64_t first) {
      const auto shards = plan_shards(split, tasks, scatter, a.seed, first, a.shard);
      plans_.insert(plans_.end(), shards.begin(), shards.end());
    };
    const double share = a.split == "both" ? a.validation_share : a.split == "validation" ? 1 : 0;
    const int tasks = static_cast<int>(std::lround(share * a.episodes));
    const int scatter = static_cast<int>(std::lround(share * a.scatter));
    plan("training", a.episodes - tasks, a.scatter - scatter, kFirstFrameId);
    const auto next = plans_.empty() ? kFirstFrameId : plans_.back().first_frame_id + plans_.back().frame_ids;
    plan("validation", tasks, scatter, next);
  }

  // Resumes an earlier run of the same command, or starts a new recording. Other slices may be at work in the folder.
  void open(const Slice& slice) {
    if (fs::exists(out_ / "recording.json")) {
      throw FileError(out_, "already holds a finished recording: choose another folder, or remove this one");
    }
    if (fs::exists(state_ / "settings.json")) {
      if (read_json(state_ / "settings.json") != settings_) {
        throw FileError(out_,
                        "holds an unfinished recording with other settings: choose another folder, or remove this one");
      }
    } else {
      if (fs::exists(out_) && !fs::is_empty(out_) && !fs::exists(state_))
        throw FileError(out_, "is not empty and holds no recording to resume");
      std::error_code error;
      fs::create_directories(state_, error);
      if (error) throw FileError(out_, "cannot create the folder: " + error.message());
      write_file_atomically(state_ / "settings.json", settings_.dump(1) + "\n");
    }
    read_finished();
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      if (!finished_.contains(i) && slice.has(static_cast<std::int64_t>(i))) open_.push_back(i);
    }
  }

  // Takes what other slices have finished. True if nothing is missing.
  bool read_finished() {
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      const auto file = shard_file(plans_[i]);
      if (!finished_.contains(i) && fs::exists(file)) {
        finished_[i] = shard_result_from_json(JsonFields(file, read_json(file)));
      }
    }
    return finished_.size() == plans_.size();
  }

  std::vector<Json> jobs() const {
    std::vector<Json> out;
    for (const auto i : open_) out.push_back(to_json(plans_[i]));
    return out;
  }

  void finish(std::size_t job, const Json& result) {
    const auto shard = open_[job];
    write_file_atomically(shard_file(plans_[shard]), result.dump() + "\n");
    finished_[shard] = shard_result_from_json(JsonFields("result", result));
  }

  // Writes the index files for all finished shards.
  ShardResult write_indices() const {
    std::map<std::string, ShardResult> splits;
    ShardResult all;
    for (const auto& [shard, result] : finished_) splits[plans_[shard].split].add(result);
    for (const auto& [split, result] : splits) {
      write_calvin_index(frames_ / split, result.index, kScene);
      all.add(result);
    }
    return all;
  }

  void close(const ShardResult& all) const {
    if (frames_ != out_) write_lerobot();
    Json summary = settings_;
    summary["frames"] = all.index.frames();
    summary["annotations"] = all.index.annotations.size();
    summary["tries"] = all.tries;
    summary["successes"] = all.successes;
    summary["seconds"] = {{"simulation", all.simulation_s}, {"rendering", all.rendering_s}, {"writing", all.writing_s}};
    if (all.learner_s > 0) summary["seconds"]["model"] = all.learner_s;
    write_file_atomically(out_ / "recording.json", summary.dump(1) + "\n");
    std::error_code ignored;
    fs::remove_all(state_, ignored);
  }

  // Annotated tasks and frames of the finished shards.
  std::pair<std::int64_t, std::int64_t> counts() const {
    std::pair<std::int64_t, std::int64_t> out;
    for (const auto& [shard, result] : finished_) {
      out.first += static_cast<std::int64_t>(result.index.annotations.size());
      out.second += result.index.frames();
    }
    return out;
  }

  /// Where the shards write their frames.
  const fs::path& frames() const { return frames_; }
  bool empty() const { return plans_.empty(); }

 private:
#ifdef DEER_HAVE_TRACE
  // From CALVIN's layout, in which several processes can write at once.
  void write_lerobot() const {
    const auto made = state_ / "lerobot";
    fs::remove_all(made);
    LerobotExport::Options options;
    options.robot = "panda";
    LerobotExport out(made, std::move(options));
    const auto data = CalvinDataset::open(frames_, CacheOptions());
    write_episodes(*data, annotated_episodes(*data), out, {}, {});
    out.finish();
    for (const auto& part : fs::directory_iterator(made)) fs::rename(part.path(), out_ / part.path().filename());
  }
#else
  void write_lerobot() const { throw Error("this build writes no LeRobot datasets (DEER_TRACE is off)"); }
#endif

  fs::path shard_file(const ShardPlan& plan) const {
    return state_ / (plan.split + "-" + std::to_string(plan.number) + ".json");
  }

  fs::path out_;
  fs::path state_;
  fs::path frames_;
  Json settings_;
  std::vector<ShardPlan> plans_;
  std::vector<std::size_t> open_;
  std::map<std::size_t, ShardResult> finished_;
};

void print_summary(const ShardResult& all, double seconds, std::int64_t frames_now, int jobs) {
  std::printf("%-28s %6s %6s %8s\n", "task", "tries", "solved", "success");
  for (const auto& [task, tries] : all.tries) {
    const auto found = all.successes.find(task);
    const int done = found == all.successes.end() ? 0 : found->second;
    std::printf("%-28s %6d %6d %7.1f%%\n", task.c_str(), tries, done, 100.0 * done / tries);
  }
  const double total = std::max(1e-9, all.simulation_s + all.rendering_s + all.writing_s + all.learner_s);
  std::printf(
      "%zu annotated tasks, %lld frames; %.0f frames/s in %d processes; time: %.0f%% simulation, %.0f%% "
      "rendering, %.0f%% writing, %.0f%% model\n",
      all.index.annotations.size(), static_cast<long long>(all.index.frames()),
      static_cast<double>(frames_now) / std::max(1e-9, seconds), jobs, 100 * all.simulation_s / total,
      100 * all.rendering_s / total, 100 * all.writing_s / total, 100 * all.learner_s / total);
}

void record(Arguments a) {
  a.recorder.tasks = parse_tasks(a.tasks);
  if (a.jobs <= 0) a.jobs = usable_cpus();
  Recording recording(a);
  if (recording.empty()) throw Error("nothing to record: --episodes and --scatter are both 0");
  recording.open(a.slice);

  Json setup = settings_of(a);
  setup["out"] = fs::absolute(recording.frames()).string();
  const auto before = recording.counts();
  const auto tasks_before = before.first;
  const auto frames_before = before.second;
  if (tasks_before > 0) std::fprintf(stderr, "resuming after %lld tasks\n", static_cast<long long>(tasks_before));
  std::map<std::size_t, std::pair<int, std::int64_t>> under_way;
  Progress progress;
  const auto start = Clock::now();
  auto last_index = start;
  const auto show = [&] {
    auto [tasks, frames] = recording.counts();
    for (const auto& [job, so_far] : under_way) {
      tasks += so_far.first;
      frames += so_far.second;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    char text[160];
    std::snprintf(text, sizeof text, "%lld of %d tasks, %lld frames, %.0f frames/s", static_cast<long long>(tasks),
                  a.episodes, static_cast<long long>(frames),
                  static_cast<double>(frames - frames_before) / std::max(1e-9, seconds));
    constexpr double kFramesATask = 35;  // about; only to add tasks to scattered frames
    const auto done =
        a.scatter > 0 ? static_cast<double>(frames - frames_before) : static_cast<double>(tasks - tasks_before);
    const double total = a.scatter > 0 ? kFramesATask * a.episodes + a.scatter - static_cast<double>(frames_before)
                                       : static_cast<double>(a.episodes - tasks_before);
    progress.show(text, done, std::max(done, total));
  };
  WorkerPool::Events events;
  events.report = [&](std::size_t job, const Json& report) {
    under_way[job] = {report.at("tasks").get<int>(), report.at("frames").get<std::int64_t>()};
  };
  events.done = [&](std::size_t job, const Json& result) {
    under_way.erase(job);
    recording.finish(job, result);
    if (!a.slice.is_whole() || Clock::now() - last_index < std::chrono::seconds(30)) return;
    recording.write_indices();
    last_index = Clock::now();
  };
  events.idle = show;
  auto command = own_arguments();
  command.push_back("--worker");
  const bool complete = WorkerPool{command, a.jobs}.run(setup, recording.jobs(), events);
  progress.finish();
  if (complete && !recording.read_finished()) {
    std::printf("slice %s is recorded; the slice that is last will write the index of %s\n", a.slice.text().c_str(),
                a.out.c_str());
    return;
  }
  const auto all = a.slice.is_whole() || complete ? recording.write_indices() : ShardResult();
  if (!complete) {
    std::fprintf(stderr, "deer: interrupted after %zu tasks; run the same command to resume\n",
                 all.index.annotations.size());
    throw CLI::RuntimeError(130);
  }
  recording.close(all);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  print_summary(all, seconds, all.index.frames() - frames_before, a.jobs);
}

}  // namespace

void add_demos(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command =
      app.add_subcommand("demos", "Record scripted experts in the simulated world as a CALVIN or LeRobot dataset");
  auto* out = command->add_option("OUT", a->out, "Output folder; an interrupted recording resumes");
  auto* episodes = command->add_option("--episodes", a->episodes, "Number of annotated tasks to record")
                       ->check(CLI::Range(0, 1'000'000));
  command->add_option("--seed", a->seed, "Random seed")->capture_default_str()->check(whole_number());
  command->add_option("--jobs", a->jobs, "Number of processes; 0: one per CPU")->capture_default_str();
  command
      ->add_option("--format", a->format,
                   "calvin, or lerobot: annotated tasks as the episodes of a LeRobot dataset (v3.0)")
      ->check(CLI::IsMember({"calvin", "lerobot"}))
      ->capture_default_str();
  command->add_option("--split", a->split, "training, validation or both")
      ->check(CLI::IsMember({"training", "validation", "both"}))
      ->capture_default_str();
  command->add_option("--validation-share", a->validation_share, "Share of episodes for validation, with --split both")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--tasks", a->tasks, kTasksHelp);
  command
      ->add_option("--part", a->part,
                   "Scenes, phrasings and tasks of the suite referring: training, those kept for testing, or all")
      ->check(CLI::IsMember({"all", "training", "test"}))
      ->capture_default_str();
  command->add_option("--scatter", a->scatter, "Number of frames with scattered scenes, without annotations")
      ->check(CLI::Range(0, 5'000'000));
  command->add_option("--noise", a->recorder.noise, "Size of disturbances, in units of the action; 0: none")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  command->add_option("--noise-chance", a->recorder.noise_chance, "Probability per step that a disturbance starts")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--model", a->model,
                      "Model that acts at the beginning of every attempt; the expert's actions are recorded");
  command->add_option("--learner-steps", a->recorder.learner_steps, "Maximum model-controlled steps per attempt")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--segment", a->recorder.tasks_a_segment, "Tasks before the table is reset")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--shard", a->shard, "Tasks per shard; an interruption loses at most one shard per process")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  a->policy.add_to(*command);
  add_engine_options(*command, a->engine);
  add_slice_option(*command, a->slice, "all record into the same folder, and the last one writes its index");
  command->add_flag("--worker", a->worker)->group("");
  command->callback([=] {
    if (a->worker) {
      serve_jobs([&](const Json& setup) { return make_recorder(*a, setup); });
      return;
    }
    if (out->count() == 0) throw CLI::RequiredError("OUT");
    if (episodes->count() == 0) throw CLI::RequiredError("--episodes");
    record(*a);
  });
}

}  // namespace deer::cli
