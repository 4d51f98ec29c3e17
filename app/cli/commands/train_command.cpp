// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>

#include "app/cli/commands/commands.h"
#include "app/cli/support/stop_on_signal.h"
#include "core/base/error.h"
#ifdef DEER_HAVE_SIM
#include "core/sim/expert_labels.h"
#endif
#include "core/train/run/training_run.h"

namespace deer::cli {
namespace {

std::string duration(double seconds) {
  const auto total = static_cast<long long>(seconds);
  char text[32];
  std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", total / 3600, total / 60 % 60, total % 60);
  return text;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

void print_losses(const LossValues& loss) {
  std::printf("loss %.4f (arm %.5f, gripper %.4f)", loss.total, mean(loss.arm), mean(loss.gripper));
}

RunCallbacks callbacks() {
  RunCallbacks out;
  out.note = [](const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  };
  out.preparing = [last = std::string()](const std::string& what, std::int64_t done, std::int64_t total) mutable {
    const auto line = what + " " + std::to_string(total > 0 ? done * 20 / total * 5 : 100) + " %";
    if (line != last) std::printf("%s of %lld\n", line.c_str(), static_cast<long long>(total));
    std::fflush(stdout);
    last = line;
  };
  out.vision.progress = [](const VisionProgress& p) {
    std::printf("vision  %lld/%lld  loss %.4f  lr %.2e  %.0f images/s  %s left\n", static_cast<long long>(p.step),
                static_cast<long long>(p.steps), p.loss, p.learning_rate, p.images_per_second,
                duration(p.seconds_left).c_str());
    std::fflush(stdout);
  };
  out.vision.validation = [](const VisionValidation& v) {
    std::printf("vision  %lld  validation loss %.4f\n", static_cast<long long>(v.step), v.loss);
    for (const auto& e : v.errors) {
      std::printf("        %-8s %-16s %8.2f %s\n", e.camera.c_str(), e.quantity.c_str(), e.error, e.unit.c_str());
    }
    std::fflush(stdout);
  };
  out.training.progress = [](const TrainingProgress& p) {
    std::printf("%s  %lld/%lld  epoch %.2f  ", p.stage.c_str(), static_cast<long long>(p.step),
                static_cast<long long>(p.steps), p.epoch);
    print_losses(p.loss);
    std::printf("  gradient %.3f  lr %.2e  %.0f frames/s  %s left\n", p.gradient_norm, p.learning_rate, p.frames_per_s,
                duration(p.seconds_left).c_str());
    std::fflush(stdout);
  };
  out.training.validation = [](const TrainingValidation& v) {
    std::printf("%s  %lld  validation ", v.stage.c_str(), static_cast<long long>(v.step));
    print_losses(v.loss);
    std::printf("\n        arm by output:");
    for (const double value : v.loss.arm) std::printf(" %.5f", value);
    std::printf("\n");
    std::fflush(stdout);
  };
  return out;
}

#ifdef DEER_HAVE_SIM
// Windows from recordings of the simulated world can be relabelled for any of its tasks.
CalvinWindowsOptions::Experts experts_of(const std::set<std::string>& names) {
  std::map<std::string, std::vector<const Task*>> by_name;  // "": all of them
  for (const Task& task : all_tasks()) {
    if (!names.contains(task.name)) continue;
    by_name[""].push_back(&task);
    by_name[task.name].push_back(&task);
  }
  if (by_name.empty()) throw Error("'relabel_share' needs recordings of the simulated world's tasks");
  using Rows = CalvinWindowsOptions::Experts::Rows;
  CalvinWindowsOptions::Experts out;
  out.relabel = [by_name](Rows robot_obs, Rows scene_obs, Rows blocks, const std::string& task,
                          std::uint64_t seed) -> std::optional<CalvinWindowsOptions::Relabelled> {
    auto labels = label_with_another_task(robot_obs, scene_obs, blocks, by_name.at(task), seed);
    if (!labels) return std::nullopt;
    return CalvinWindowsOptions::Relabelled{std::move(labels->instruction), std::move(labels->actions),
                                            labels->meant_block};
  };
  out.tasks_about_blocks = [tasks = by_name.at("")](Rows robot_obs, Rows scene_obs, Rows blocks) {
    return tasks_about_blocks(robot_obs, scene_obs, blocks, tasks);
  };
  return out;
}

// Every instruction of the simulated world, if the recordings are of it.
std::vector<std::string> instructions_of(const std::set<std::string>& names) {
  std::vector<std::string> out;
  const auto all = all_tasks();
  if (std::none_of(all.begin(), all.end(), [&](const Task& task) { return names.contains(task.name); })) return out;
  for (const Task& task : all) out.insert(out.end(), task.instructions.begin(), task.instructions.end());
  return out;
}
#endif

void run(const std::string& file) {
  auto config = read_train_config(file);
#ifdef DEER_HAVE_SIM
  config.experts = experts_of;
  config.vocabulary = instructions_of;
#endif
  const StopOnSignal signals("step");
  const auto processes = DataParallel::from_environment();
  try {
    run_training(config, processes, processes.is_first() ? callbacks() : RunCallbacks{}, signals.token());
  } catch (const Cancelled&) {
    if (processes.is_first()) std::cerr << "stopped; run the same command to resume\n";
    constexpr int kInterrupted = 130;
    throw CLI::RuntimeError(kInterrupted);
  }
  if (processes.is_first()) std::printf("trained model saved in %s\n", config.output.string().c_str());
}

}  // namespace

void add_train(CLI::App& app) {
  auto file = std::make_shared<std::string>();
  auto* command = app.add_subcommand(
      "train", "Train a multi-exit policy by DeeR's method, resumable, alone or under torchrun --no-python");
  command->add_option("CONFIG", *file, "JSON configuration: data, model, stages (see docs/training.md)")->required();
  command->callback([file] { run(*file); });
}

}  // namespace deer::cli
