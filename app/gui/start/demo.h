// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

namespace deer {

class Session;

struct Demo {
  std::filesystem::path model;
  std::filesystem::path episodes;
  std::size_t first = 3;  ///< episode to show first: a condition, for which the model runs deep until it has decided
};

/// The demo that comes with the program: next to the installed program, or in the source tree.
std::optional<Demo> find_demo();

/// When the run of the episode that is opened next is complete, goes to the last frame in which most layers ran;
/// unless somebody has left the first frame before, or opened another episode.
void show_deepest_when_run(Session* session);

}  // namespace deer
