// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>

#include "core/episodes/episode_collection.h"

namespace deer {

/// A LeRobot dataset of v2.0, v2.1 or v3.0. Reads meta/, lists the files, and looks at the first data file that can be
/// read for the widths of its columns; episodes without a data file are left out and named in the warnings. Throws
/// FileError.
std::shared_ptr<const EpisodeCollection> open_lerobot(const std::filesystem::path& root,
                                                      const OpenSourceOptions& options);

}  // namespace deer
