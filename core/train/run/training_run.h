// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "core/train/run/train_config.h"

namespace deer {

struct RunCallbacks {  ///< called on the calling thread, only in the first process
  /// What is being prepared ("frames", "tokens"), and the progress.
  std::function<void(const std::string& what, std::int64_t done, std::int64_t total)> preparing;
  std::function<void(const std::string& line)> note;
  VisionCallbacks vision;
  TrainingCallbacks training;
};

/// A complete training run: frames, tokenizer, vision tower, its tokens, then the policy's stages. Work of an earlier
/// call is reused or resumed. In the end config.output is a model folder. Throws Error, FileError, Cancelled.
void run_training(const TrainConfig& config, const DataParallel& processes, const RunCallbacks& callbacks = {},
                  std::stop_token stop = {});

}  // namespace deer
