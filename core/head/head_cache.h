// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <string_view>

#include "core/exits/engine.h"
#include "core/head/head_files.h"

namespace deer {

/// Gives a file's bytes from the first to the last to `take`, in any pieces. Throws Error or Cancelled.
using HeadReader = std::function<void(const HeadFile& file, const std::function<void(std::string_view)>& take)>;

/// The folder below `cache` with these files, named by their fingerprint and kHeadsExtension: Engine::load() opens it
/// with EngineOptions::head_only. Files that are not there or are not as their hashes say are read with `read` and take
/// their names once they are complete and right. Throws Error naming the file if what comes has another size or hash,
/// FileError if it cannot be written, and what `read` throws; Cancelled on `stop`.
std::filesystem::path keep_heads(const std::filesystem::path& cache, std::span<const HeadFile> files,
                                 const HeadReader& read, const ProgressCallback& progress = {},
                                 const std::stop_token& stop = {});

}  // namespace deer
