// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>

namespace deer::cli {

/// Adds the subcommand with options and help. A failing command throws deer::Error.
void add_export(CLI::App& app);

}  // namespace deer::cli
