// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/episode_options.h"

#include <iostream>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/episodes/recording_collection.h"

namespace deer::cli {

void add_map_option(CLI::App& command, std::string& map) {
  command
      .add_option(
          "--map", map,
          "Which cameras and columns of a LeRobot, RLDS or HDF5 dataset are what (JSON; deer info --json prints "
          "the one that was guessed)")
      ->check(CLI::ExistingFile);
}

void print_warnings(const EpisodeCollection& data) {
  for (const auto& warning : data.warnings()) std::cerr << "deer: note: " << warning << '\n';
}

void check_index(const EpisodeCollection& data, std::size_t index) {
  const auto count = data.episodes().size();
  if (index < count) return;
  throw Error("--index " + std::to_string(index) + " is too large: there " + (count == 1 ? "is " : "are ") +
              counted(static_cast<std::int64_t>(count), "episode") + " (see deer info)");
}

void require_cameras(const FrameSource& source) {
  const auto problem = missing_cameras(source.info());
  if (!problem.empty()) throw Error(problem);
}

}  // namespace deer::cli
