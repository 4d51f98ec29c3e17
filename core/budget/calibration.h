// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/budget/threshold_solver.h"
#include "core/exits/engine.h"

namespace deer {

/// Criterion values of every exit on a sample of frames, with what is needed to trust them later.
struct CalibrationSet {
  std::vector<int> exit_layers;
  std::vector<std::vector<float>> values;         ///< [exits][samples]
  std::map<std::string, std::string> provenance;  ///< model, data, seed, delta type, window, …

  std::int64_t exits() const { return static_cast<std::int64_t>(values.size()); }
  std::int64_t samples() const { return values.empty() ? 0 : static_cast<std::int64_t>(values.front().size()); }
  /// Row-major, as CalibrationValues wants it.
  std::vector<float> flat() const;
};

/// Adds the values of one window of consecutive frames, recorded in probe mode (reference document, section
/// 3.1): each frame before the one that is looked at left at the exit (an index) that `history` says; looked at
/// are the frames from `first` on. The reference takes windows of W, looks from W / 2 - 1 on and leaves the last out.
/// Only the action head runs. `criterion` says what is compared (criterion and delta type). `records` and `history`
/// have the same length. Throws Error if they do not fit or features are missing.
void add_window(const Engine& engine, std::span<const FrameRecordPtr> records, std::span<const int> history,
                std::size_t first, const ExitPolicy& criterion, CalibrationSet& set, std::stop_token stop = {});

/// safetensors: `values` [exits, samples] float32, `exit_layers` [exits] int64, provenance as metadata.
void write_calibration(const std::filesystem::path& file, const CalibrationSet& set);

/// Reads such a file, or the `values` that the reference's evaluation leaves in its checkpoints (without exit layers
/// then). Throws FileError naming what is missing or misshapen.
CalibrationSet read_calibration(const std::filesystem::path& file);

}  // namespace deer
