// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/budget/threshold_solver.h"
#include "core/exits/engine.h"

namespace deer {

/// Numbers of every exit on a sample of frames, with what is needed to trust them later.
struct CalibrationSet {
  std::vector<int> exit_layers;
  std::vector<std::vector<float>> values;  ///< [exits][samples]: the criterion's value
  /// [exits][samples]: distance of each exit's action to the deepest exit's, root of the mean of squares over
  /// the six arm values, whatever the criterion. Empty if not known (older files, the reference's checkpoints).
  std::vector<std::vector<float>> errors;
  /// The same distance to the action that the data recorded, NaN where there is none; empty if there is none at all.
  std::vector<std::vector<float>> recorded_errors;
  std::map<std::string, std::string> provenance;  ///< model, data, seed, delta type, window, …

  std::int64_t exits() const { return static_cast<std::int64_t>(values.size()); }
  std::int64_t samples() const { return values.empty() ? 0 : static_cast<std::int64_t>(values.front().size()); }
  /// Row-major, as CalibrationValues wants it.
  std::vector<float> flat() const;
};

/// The recorded action of one frame: arm values, relative and scaled to [-1, 1].
using RecordedArm = std::optional<std::array<float, 6>>;

/// Adds the samples of one window of consecutive frames, recorded in probe mode (reference document, section
/// 3.1): each frame before the one that is looked at left at the exit (an index) that `history` says; looked at
/// are the frames from `first` on. The reference takes windows of W, looks from W / 2 - 1 on and leaves the last out.
/// Only the action head runs. `criterion` says what is compared (criterion and delta type). `records`, `history`
/// and, if it is not empty, `recorded` have the same length. Throws Error if they do not fit or features are missing.
void add_window(const Engine& engine, std::span<const FrameRecordPtr> records, std::span<const int> history,
                std::size_t first, const ExitPolicy& criterion, CalibrationSet& set,
                std::span<const RecordedArm> recorded = {}, std::stop_token stop = {});

/// A window of consecutive frames of one episode, and the exits its history takes.
struct CalibrationWindow {
  std::size_t episode = 0;   ///< a place in the list that was given
  std::int64_t start = 0;    ///< its first frame
  std::vector<int> history;  ///< an exit for each of its window - 1 frames
};

/// Window `number` of `seed`: a function of its arguments alone, so that windows can be made anywhere in any
/// order. Every window of every episode is as likely as any other. `lengths` are those of the episodes. Throws Error
/// if none is as long as a window.
CalibrationWindow draw_window(std::uint64_t seed, std::uint64_t number, std::span<const std::int64_t> lengths,
                              int window, int exits);

/// Samples that one window of `window` frames gives.
inline int samples_of_window(int window) { return window - window / 2; }

/// safetensors: `values`, `errors`, `recorded_errors` [exits, samples] float32, `exit_layers` [exits] int64,
/// provenance as metadata.
void write_calibration(const std::filesystem::path& file, const CalibrationSet& set);

/// Reads such a file, or the `values` that the reference's evaluation leaves in its checkpoints (without exit layers
/// then). Throws FileError naming what is missing or misshapen.
CalibrationSet read_calibration(const std::filesystem::path& file);

}  // namespace deer
