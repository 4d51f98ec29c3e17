// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/start/launch_options.h"
#include "app/gui/start/screenshot.h"

namespace deer {

class MainWindow;

/// Opens in `window` what the command line asks for.
void open_launched(const LaunchOptions& options, MainWindow* window);

/// Takes the picture of --screenshot once what open_launched() opens is there. Call it before, so that no failure is
/// missed. `window` owns it.
Screenshot* start_screenshot(const LaunchOptions& options, MainWindow* window,
                             const Screenshot::Patience& patience = {});

}  // namespace deer
