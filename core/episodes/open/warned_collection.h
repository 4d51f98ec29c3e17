// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <string>

#include "core/episodes/episode_collection.h"

namespace deer {

/// The same collection, not null, with one more warning before its own.
std::shared_ptr<const EpisodeCollection> with_warning(std::shared_ptr<const EpisodeCollection> collection,
                                                      std::string warning);

}  // namespace deer
