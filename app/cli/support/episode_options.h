// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "core/episodes/episode_collection.h"
#include "core/episodes/frame_source.h"

namespace deer::cli {

/// What the commands that read episodes call their argument.
inline constexpr const char* kEpisodeHelp =
    "Dataset (CALVIN, LeRobot, RLDS, HDF5) or split of one, image folder, or video";

/// --map of a command that opens episodes.
void add_map_option(CLI::App& command, std::string& map);

/// Prints the warnings of a dataset to standard error, one line each.
void print_warnings(const EpisodeCollection& data);

/// Throws Error if `data` has no episode of that --index.
void check_index(const EpisodeCollection& data, std::size_t index);

/// Throws Error that says what is missing if a model cannot run on `source` for lack of a camera.
void require_cameras(const FrameSource& source);

}  // namespace deer::cli
