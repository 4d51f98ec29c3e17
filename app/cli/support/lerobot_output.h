// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "app/cli/support/broken_frames.h"
#include "core/episodes/episode_collection.h"
#include "core/study/lerobot_export.h"

namespace deer::cli {

/// The annotated episodes; all, if none is annotated.
std::vector<std::size_t> annotated_episodes(const EpisodeCollection& data);

/// What write_episodes() could not read, beside the frames in its BrokenFrames.
struct UnreadParts {
  std::int64_t episodes = 0;  ///< left out
  std::int64_t pictures = 0;  ///< frames of which only the numbers could be read
};

/// Writes these episodes, those of CALVIN's validation as a split of that name behind the others. Frames that cannot be
/// read go to `broken` and are left out, as are episodes that cannot be opened; without it they end the work. Returns
/// early, with whole episodes, once `stop` is requested; does not call finish().
UnreadParts write_episodes(const EpisodeCollection& data, const std::vector<std::size_t>& episodes, LerobotExport& out,
                           BrokenFrames* broken, const std::stop_token& stop);

}  // namespace deer::cli
