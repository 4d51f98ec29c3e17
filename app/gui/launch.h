// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/start/launch_options.h"
#include "app/gui/start/screenshot.h"
#include "app/gui/start/shown_runs.h"

namespace deer {

class MainWindow;

/// Opens in `window` what the command line asks for.
void open_launched(const LaunchOptions& options, MainWindow* window);

/// Waits for runs of other programs if --listen asks for it, and says so in `window`, which owns it. `runs`: see
/// engines_with(). Null if it does not wait.
ShownRunOpener* wait_for_runs(const LaunchOptions& options, MainWindow* window, const ShownRunsPtr& runs);

/// Takes the picture of --screenshot once what open_launched() opens is there. Call it before, so that no failure is
/// missed. `window` owns it.
Screenshot* start_screenshot(const LaunchOptions& options, MainWindow* window,
                             const Screenshot::Patience& patience = {});

}  // namespace deer
