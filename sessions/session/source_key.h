// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <cstddef>
#include <optional>

#include "core/episodes/episode_collection.h"

namespace deer {

/// The mapping that the data are read with, as compact JSON; empty if they have none or it is the one that is guessed.
QString mapping_key(const EpisodeCollection* collection);

/// Names a recorded episode and how its data are read, for runs that are kept by episode; empty without an episode.
QString source_key(const EpisodeCollection* collection, const OpenSourceOptions& options,
                   std::optional<std::size_t> index);

}  // namespace deer
