// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/start/world.h"

#include <QCoreApplication>
#include <QSet>
#include <algorithm>

#include "core/sim/simulated_source.h"
#include "core/sim/tasks.h"

namespace deer {
namespace {

struct WorldText {
  Q_DECLARE_TR_FUNCTIONS(deer::World)
};

std::string status_line(const SimulatedSource::Status& status) {
  if (status.task.empty()) return WorldText::tr("step %1").arg(status.step).toStdString();
  return WorldText::tr("step %1 · %2 done, %3 failed")
      .arg(status.step)
      .arg(status.successes)
      .arg(status.failures)
      .toStdString();
}

}  // namespace

bool has_simulated_world() { return true; }

QStringList known_instructions() {
  QStringList first, others;
  QSet<QString> names;
  for (const Task& task : all_tasks()) {
    // The variants of a task share its name.
    const auto name = QString::fromStdString(task.name);
    const bool is_new = !names.contains(name);
    names << name;
    for (const auto& text : task.instructions) {
      (is_new && &text == &task.instructions.front() ? first : others) << QString::fromStdString(text);
    }
  }
  return first + others;
}

int known_tasks() {
  QSet<QString> names;
  for (const Task& task : all_tasks()) names << QString::fromStdString(task.name);
  return static_cast<int>(names.size());
}

bool is_known_instruction(const QString& text) {
  const auto plain = text.trimmed().toStdString();
  const auto tasks = all_tasks();
  return task_of_instruction(plain) ||
         std::any_of(tasks.begin(), tasks.end(), [&](const Task& task) { return task.name == plain; });
}

LiveOpener world_opener(const WorldChoice& choice) {
  return [instruction = choice.instruction.trimmed().toStdString(), seed = choice.seed, one_table = choice.one_table] {
    SimulatedSourceOptions options;
    options.instruction = instruction;
    options.seed = seed;
    options.new_tables = !one_table;
    const auto world = SimulatedSource::open(options);
    LiveSource out;
    out.frames = world;
    out.takes_commands = true;
    out.instruct = [world](const std::string& text) { world->instruct(text); };
    out.status = [world] { return status_line(world->status()); };
    out.tasks = [world]() -> std::optional<TaskCount> {
      const auto status = world->status();
      // Success of an instruction that is no task cannot be detected.
      if (status.task.empty()) return std::nullopt;
      return TaskCount{status.successes, status.failures};
    };
    return out;
  };
}

LiveOpener scene_opener(const std::filesystem::path& file) {
  return [file] {
    LiveSource out;
    out.frames = open_scene(file);
    return out;
  };
}

}  // namespace deer
