// SPDX-License-Identifier: GPL-3.0-or-later
// In place of world.cpp where the program is built without the simulator.
#include "app/gui/start/world.h"
#include "core/base/error.h"

namespace deer {

bool has_simulated_world() { return false; }
QStringList known_instructions() { return {}; }
int known_tasks() { return 0; }
bool is_known_instruction(const QString&) { return false; }
LiveOpener world_opener(const WorldChoice&) {
  return []() -> LiveSource { throw Error("this build has no simulator"); };
}
LiveOpener scene_opener(const std::filesystem::path&) { return world_opener({}); }

}  // namespace deer
