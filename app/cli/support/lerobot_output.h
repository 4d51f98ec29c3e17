// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <vector>

#include "core/episodes/episode_collection.h"
#include "core/study/lerobot_export.h"

namespace deer::cli {

/// The annotated episodes; all, if none is annotated.
std::vector<std::size_t> annotated_episodes(const EpisodeCollection& data);

/// Writes these episodes, those of CALVIN's validation as a split of that name behind the others. Frames that cannot be
/// read go to `broken` and are left out. Returns early, with whole episodes, once `stop` is requested; does not call
/// finish().
void write_episodes(const EpisodeCollection& data, const std::vector<std::size_t>& episodes, LerobotExport& out,
                    const std::function<void(const std::string&)>& broken, const std::stop_token& stop);

}  // namespace deer::cli
