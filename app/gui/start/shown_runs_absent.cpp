// SPDX-License-Identifier: GPL-3.0-or-later
// In place of shown_runs.cpp where the program is built without gRPC.
#include "app/gui/start/shown_runs.h"
#include "core/base/error.h"

namespace deer {

class ShownRuns {};
struct ShownRunOpener::Parts {};

bool can_show_runs() { return false; }
ShownRunsPtr make_shown_runs() { return nullptr; }
EngineFactory engines_with(const ShownRunsPtr&) { return &Engine::load; }
ShownRunOpener::ShownRunOpener(Session*, ShownRunsPtr, const QString&, QObject*) {
  throw Error("this build shows no runs of other programs and serves no robots (it was built without gRPC)");
}
ShownRunOpener::~ShownRunOpener() = default;
void ShownRunOpener::open_run(const std::shared_ptr<ShownRun>&) {}
void ShownRunOpener::open_robot(const std::shared_ptr<RobotFeed>&) {}
void ShownRunOpener::describe() {}
QString ShownRunOpener::address() const { return {}; }

}  // namespace deer
