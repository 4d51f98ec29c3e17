// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/base/json_file.h"
#include "core/train/method/trainable_model.h"

namespace deer {

/// Everything a training run needs to resume. It has no random state: every random choice depends only on seed, stage
/// and step.
struct TrainingState {
  std::int64_t stage = 0;  ///< finished stages
  std::int64_t step = 0;   ///< finished optimiser steps of the current stage
  ParameterMap parameters;
  ParameterMap optimizer;  ///< Optimizer::state(); empty between stages
  ParameterMap average;    ///< exponential average of the trained parameters; empty without averaging
  Json run;                ///< settings that affect the results so far
};

/// Writes DIR/state.safetensors: one file, replaced atomically, so a kill leaves the old state or the new.
/// Throws FileError.
void save_training_state(const std::filesystem::path& folder, const TrainingState& state);

/// Reads it; empty if there is none. Throws FileError if the file is broken.
std::optional<TrainingState> load_training_state(const std::filesystem::path& folder);

/// Writes DIR/model.safetensors and DIR/config.json, as `deer run` reads them; with `half`, matrices
/// and vectors in half precision. `average` overrides parameters. Throws FileError.
void save_model(const std::filesystem::path& folder, const TrainableModel& model, const ParameterMap& average = {},
                bool half = false);

}  // namespace deer
