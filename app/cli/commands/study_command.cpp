// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "app/cli/commands/commands.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/policy_options.h"
#include "app/cli/support/progress.h"
#include "app/cli/support/stop_on_signal.h"
#include "app/cli/support/trace_info.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/debug/expression.h"
#include "core/study/replay_engine.h"
#include "core/study/study_builder.h"
#include "core/study/study_tables.h"

namespace deer::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::vector<std::string> traces;
  std::string baseline;
  std::string where;
  std::string group;
  std::string json;
  std::string csv;
  std::string html;
  std::size_t limit = 50;
  StudyOptions options;
};

std::string cell(double value, int decimals) { return std::isfinite(value) ? fixed_text(value, decimals) : "-"; }

std::string with_margin(const SpreadFigure& figure) {
  if (figure.count == 0) return "-";
  const double margin = figure.margin();
  return fixed_text(figure.mean, 2) + (std::isfinite(margin) ? " ± " + fixed_text(margin, 2) : "");
}

/// A table on screen whose first column is text and the others numbers.
class ScreenTable {
 public:
  explicit ScreenTable(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  void print() const {
    std::vector<std::size_t> wide(rows_.front().size(), 0);
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) wide[i] = std::max(wide[i], letters(row[i]));
    }
    for (const auto& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) {
        const std::string fill(wide[i] - letters(row[i]), ' ');
        line += i == 0 ? row[i] + fill : "  " + fill + row[i];
      }
      std::cout << line << '\n';
    }
  }

 private:
  // UTF-8 continuation bytes take no room.
  static std::size_t letters(const std::string& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  }

  std::vector<std::vector<std::string>> rows_;
};

std::string distance_head(const Study& study) {
  const auto unit = distance_unit(*study.model.layout);
  return unit.empty() ? "distance" : printable(unit);
}

void print_tasks(const Study& study) {
  std::vector<std::string> head = {"task",   "episodes",           "frames", "mean depth", "largest",
                                   "saving", distance_head(study), "gripper"};
  if (!study.baseline.empty()) head.emplace_back("flips");
  ScreenTable table(std::move(head));
  for (const auto& task : by_task(study.episodes)) {
    std::vector<std::string> row = {task.name.empty() ? "(none)" : printable(task.name, 60),
                                    std::to_string(task.episodes),
                                    std::to_string(task.frames),
                                    with_margin(task.depth),
                                    cell(task.deepest, 0),
                                    cell(saving_times(task.cost, task.full_cost), 2),
                                    with_margin(task.distance),
                                    std::to_string(task.gripper_differs)};
    if (!study.baseline.empty()) row.push_back(task.flips ? std::to_string(*task.flips) : "-");
    table.add(std::move(row));
  }
  table.print();
  std::cout << "± is half of the mean's 95 % interval, over episodes (Student's t)\n";
}

void print_episodes(const Study& study, std::size_t limit) {
  std::vector<std::string> head = {"episode", "frames", "mean depth", "largest", "saving", distance_head(study),
                                   "gripper"};
  if (!study.baseline.empty()) head.emplace_back("flips");
  ScreenTable table(std::move(head));
  for (std::size_t i = 0; i < study.episodes.size() && i < limit; ++i) {
    const auto& e = study.episodes[i];
    const auto& s = e.summary;
    const auto name = e.task.empty() ? e.instruction : e.task + ": " + e.instruction;
    std::vector<std::string> row = {
        std::to_string(i) + "  " + printable(name, 60),
        std::to_string(s.frames),
        cell(s.depth.mean(), 2),
        cell(s.depth.peak, 0),
        cell(saving_times(s), 2),
        cell(mean_of_all(s.distance_to_deepest, s.frames), 2),
        s.error_to_deepest.count > 0 ? std::to_string(s.gripper_differs_from_deepest) : "-"};
    if (!study.baseline.empty()) row.push_back(e.flips ? std::to_string(*e.flips) : "-");
    table.add(std::move(row));
  }
  table.print();
  if (study.episodes.size() > limit) {
    std::cout << "and " << study.episodes.size() - limit << " more (--limit)\n";
  }
}

void print_exits(const Study& study) {
  const auto& s = study.total;
  const auto all = static_cast<double>(std::max<std::int64_t>(s.frames, 1));
  for (std::size_t i = 0; i < s.frames_by_exit.size(); ++i) {
    std::printf("exit %-2zu after %2d layers  %5.1f %%\n", i + 1, s.exit_layers[i] + 1,
                100 * static_cast<double>(s.frames_by_exit[i]) / all);
  }
  if (s.frames_elsewhere > 0) {
    std::printf("after other layers       %5.1f %%\n", 100 * static_cast<double>(s.frames_elsewhere) / all);
  }
  std::fflush(stdout);
}

void print_aligned(const Study& study) {
  static constexpr std::array<const char*, kAlignedEvents> kNames = {"gripper closes", "gripper opens",
                                                                     "instruction changes"};
  static constexpr std::array<int, 7> kShown = {-15, -10, -5, 0, 5, 10, 15};
  std::vector<std::string> head = {"mean depth at frames from", "events"};
  for (const int offset : kShown) head.push_back(std::to_string(offset));
  ScreenTable table(std::move(head));
  for (std::size_t i = 0; i < kAlignedEvents; ++i) {
    const auto& aligned = study.aligned[i];
    std::vector<std::string> row = {kNames[i], std::to_string(aligned.events)};
    for (const int offset : kShown) {
      const auto& depth = aligned.depth[static_cast<std::size_t>(offset + kAlignedReach)];
      row.push_back(depth.count > 0 ? fixed_text(depth.mean, 2) : "-");
    }
    table.add(std::move(row));
  }
  table.print();
}

void print_need(const DepthByNeed& need) {
  if (need.nearest.count == 0) return;
  std::cout << "\nmean depth where the first exit is nearest to the deepest " << fixed_text(need.nearest.mean, 2)
            << ", where it is farthest " << fixed_text(need.farthest.mean, 2) << ": "
            << fixed_text(need.farthest.mean / need.nearest.mean, 2) << " times (thirds of each episode's frames)\n";
}

void print_matches(const Study& study, std::size_t limit) {
  std::cout << study.match_count << " of " << study.total.frames << " frames match " << printable(study.where, 500)
            << '\n';
  for (std::size_t i = 0; i < study.matches.size() && i < limit; ++i) {
    const auto& one = study.matches[i];
    std::cout << "episode " << one.episode << ", frame " << one.frame << ", " << one.depth << " layers\n";
  }
  if (study.match_count > static_cast<std::int64_t>(limit)) {
    std::cout << "and " << study.match_count - static_cast<std::int64_t>(limit) << " more (--limit, --json)\n";
  }
}

void print(const Study& study, const Arguments& a) {
  std::cout << headline(study) << '\n'
            << study.episodes.size() << (study.episodes.size() == 1 ? " episode, " : " episodes, ")
            << study.total.frames << " frames, " << study.traces.size()
            << (study.traces.size() == 1 ? " trace" : " traces") << ", model " << printable(study.model.model_name)
            << "\n\n"
            << std::flush;
  print_exits(study);
  std::cout << '\n';
  if (a.group == "task") {
    print_tasks(study);
  } else {
    print_episodes(study, a.limit);
  }
  std::cout << '\n';
  print_aligned(study);
  print_need(study.by_need);
  if (study.where.empty()) return;
  std::cout << '\n';
  print_matches(study, a.limit);
}

void study(const Arguments& a) {
  const StopOnSignal signals("block of frames");
  const auto files = traces_with_frames(a.traces);
  auto options = a.options;
  options.where = a.where;
  options.baseline = a.baseline;
  StudyBuilder builder(options);
  Progress progress;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto which = files.size() > 1
                           ? "trace " + std::to_string(i + 1) + " of " + std::to_string(files.size()) + ", "
                           : std::string();
    try {
      builder.add(
          files[i], true,
          [&](std::int64_t done, std::int64_t total) {
            progress.show("studying " + which + "frame " + std::to_string(done) + " of " + std::to_string(total),
                          static_cast<double>(done), static_cast<double>(total));
          },
          signals.token());
    } catch (const ExpressionError& error) {
      throw Error("--where: " + std::string(error.what()));
    }
  }
  progress.finish();
  const auto& result = builder.study();
  if (!result.baseline_exact) {
    std::cerr << "deer: note: flips are not exact: " << result.baseline_note
              << (result.model.layout->is_deer() ? " (give the model with --model)" : "") << '\n';
  }
  if (result.repeated > 0) {
    std::cerr << "deer: note: " << result.repeated << (result.repeated == 1 ? " episode is" : " episodes are")
              << " in several traces, run with the same policy, and counted once\n";
  }
  if (!a.json.empty()) write_file_atomically(a.json, to_json(result).dump(1) + "\n");
  if (!a.csv.empty()) {
    write_file_atomically(a.csv, [&](std::ostream& out) { write_csv(out, result); });
  }
  if (!a.html.empty()) {
    const auto& name = result.model.model_name;
    write_file_atomically(a.html, to_html(result, "Early exits of " + (name.empty() ? "a run" : name)));
  }
  print(result, a);
}

}  // namespace

void add_study(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "study",
      "Summarize traces by episode and task: depth, saving, distance from the deepest exit, depth around events");
  command->add_option("TRACE", a->traces, "Trace written by deer trace or the window, or a folder of .h5 files")
      ->required();
  command->add_option("--baseline", a->baseline,
                      "JSON file with a policy or thresholds: count the frames that would exit elsewhere (flips)");
  command->add_option("--where", a->where,
                      "List frames that match, in the language of breakpoints: \"depth >= 10 and gripper_flip\"");
  command->add_option("--group", a->group, "task: one row per task (without tasks: per instruction), not per episode")
      ->check(CLI::IsMember({"task"}));
  command->add_option("--json", a->json, "File for everything as JSON")->check(output_file());
  command->add_option("--csv", a->csv, "File for one row per episode")->check(output_file());
  command->add_option("--html", a->html, "File for a page with plots that any browser opens")->check(output_file());
  command->add_option("--limit", a->limit, "Maximum rows on screen")->check(whole_number())->capture_default_str();
  command->add_option("--model", a->options.model, "Model folder the traces were recorded with, if it has moved");
  add_engine_options(*command, a->options.engine);
  command->callback([a] { study(*a); });
}

}  // namespace deer::cli
