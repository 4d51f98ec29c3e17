// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/exits/engine.h"
#include "core/exits/replay.h"
#include "core/trace/trace_reader.h"

namespace deer {

/// Replays the traces of one model.
struct ReplayEngine {
  std::unique_ptr<Engine> engine;
  /// Why it replays from recorded actions; empty: by the action head.
  std::string why_recorded;
};

/// Loads the action heads of the trace's model from `model`, or if that is empty from where the trace says; without
/// them, the engine replays from recorded actions. Throws FileError if `model`, or what is where the trace says, is
/// not the model the trace was recorded with; Error if a model is named for actions that are not DeeR's; Cancelled.
ReplayEngine open_replay_engine(const std::filesystem::path& trace, const TraceMetadata& metadata,
                                const std::filesystem::path& model, EngineOptions options, std::stop_token stop);

/// Throw FileError naming `model` unless it is the one that a trace was recorded with: by its fingerprint, which reads
/// the disk, where the trace has one; by its exits and width once it is loaded.
void check_recorded_with(const std::filesystem::path& model, const TraceMetadata& metadata);
void check_recorded_with(const std::filesystem::path& model, const ModelSummary& loaded, const TraceMetadata& metadata);

/// Frames [first, first + count) of a trace for a replay, numbered by their place in the trace, which may hold several
/// episodes. `trace` must outlive them.
ReplayFrames replay_frames(const TraceReader& trace, std::int64_t first, std::int64_t count, bool features);

/// Replaces folders by the traces in them (.h5, .hdf5), ordered by name. Throws FileError if a folder holds none, or a
/// file is named twice.
std::vector<std::filesystem::path> trace_files(const std::vector<std::string>& named);

/// Throws FileError unless `other` was recorded with the model of `first`, which was read from `first_file`.
void check_same_model(const std::filesystem::path& file, const TraceMetadata& other,
                      const std::filesystem::path& first_file, const TraceMetadata& first);

/// A policy from a file: as traces and sessions hold one, a result of `deer replay --json` with its policy, or whatever
/// read_thresholds() reads. Forced exits, which are of single frames, are left out. Throws FileError.
ExitPolicy read_policy(const std::filesystem::path& file, const ModelSummary& model, const ExitPolicy& recorded);

}  // namespace deer
