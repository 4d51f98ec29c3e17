// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <QStringList>
#include <filesystem>

#include "sessions/live/live_source.h"

namespace deer {

/// Which simulated world to open.
struct WorldChoice {
  QString instruction = QStringLiteral("open the drawer");
  quint64 seed = 0;
  bool one_table = false;  ///< the table stays after a success or a failure
};

/// Whether this build has the simulated world and can open scenes. Nothing below is of use without it.
bool has_simulated_world();

/// One phrasing of each task, then all others.
QStringList known_instructions();
/// How many of them come first, one for each task.
int known_tasks();
/// Whether it is a task's phrasing or name, so that the world can tell when it is done.
bool is_known_instruction(const QString& text);

/// The simulated table; the model acts on it.
LiveOpener world_opener(const WorldChoice& choice);
/// Any MuJoCo scene with a camera named "static"; to be watched.
LiveOpener scene_opener(const std::filesystem::path& file);

}  // namespace deer
