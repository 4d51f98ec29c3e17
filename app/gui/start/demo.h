// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <filesystem>
#include <optional>

namespace deer {

struct Demo {
  std::filesystem::path model;
  std::filesystem::path episodes;
};

/// The demo that comes with the program: beside an installed program, or in the source tree.
std::optional<Demo> find_demo();

/// What a path most likely is, from names alone: no file is read.
enum class PathKind { missing, model, calibration, thresholds, video, scene, robot, data };
PathKind path_kind(const std::filesystem::path& path);

}  // namespace deer
