// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <optional>

namespace deer {

struct Demo {
  std::filesystem::path model;
  std::filesystem::path episodes;
};

/// The demo that comes with the program: next to the installed program, or in the source tree.
std::optional<Demo> find_demo();

}  // namespace deer
