// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <cstddef>
#include <optional>

#include "core/episodes/episode_collection.h"

namespace deer {

/// Names a recorded episode and how its data are read, for runs that are kept by episode; empty without an episode.
QString source_key(const EpisodeCollection* collection, const OpenSourceOptions& options,
                   std::optional<std::size_t> index);

}  // namespace deer
