// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>

#include "core/episodes/episode_collection.h"
#include "core/exits/engine.h"

namespace deer {

/// Makes an engine for a model path; Engine::load unless a test puts another in its place.
/// Called on the inference thread.
using EngineFactory = std::function<std::unique_ptr<Engine>(const std::filesystem::path&, const EngineOptions&,
                                                            const ProgressCallback&, std::stop_token)>;

/// Opens a dataset, folder or video; deer::open_source unless a test puts another in its place.
/// Called on a worker thread.
using SourceOpener =
    std::function<std::shared_ptr<const EpisodeCollection>(const std::filesystem::path&, const OpenSourceOptions&)>;

}  // namespace deer
