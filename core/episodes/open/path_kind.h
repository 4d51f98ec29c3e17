// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

namespace deer {

/// What a path most likely is, from names alone: no file is read, and only a folder's names are asked for.
enum class PathKind { missing, model, calibration, thresholds, video, scene, robot, data };
PathKind path_kind(const std::filesystem::path& path);

}  // namespace deer
