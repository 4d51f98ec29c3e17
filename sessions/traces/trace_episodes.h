// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>

#include "core/episodes/episode_collection.h"

namespace deer {

/// The episodes of a trace. Each opens as a source that is a RecordedRun as well; its pictures come from the data
/// that the trace refers to, if they are there and the same, else from its thumbnails. An observation
/// without a picture says that there is neither. Throws FileError. Reads no frame.
std::shared_ptr<const EpisodeCollection> open_trace(const std::filesystem::path& file);

/// Whatever a session can open as a recording: a trace, or what open_source() opens.
std::shared_ptr<const EpisodeCollection> open_recording(const std::filesystem::path& path,
                                                        const OpenSourceOptions& options = {});

}  // namespace deer
