// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/json_file.h"
#include "core/train/method/model_init.h"
#include "core/train/run/trainer.h"
#include "core/train/vision/object_latents.h"
#include "core/train/vision/vision_pretraining.h"
#include "core/train/windows/calvin_windows.h"

namespace deer {

/// Configuration of `deer train` (all fields: docs/training.md). Paths are relative to the file.
struct TrainConfig {
  std::filesystem::path file;
  std::filesystem::path output;  ///< everything the run writes, caches included
  std::string device = "cpu";

  std::filesystem::path start;  ///< model folder to start from; empty: a new model
  Json model;                   ///< the new model's config.json; the tokenizer may be missing
  ModelInit init;
  std::filesystem::path
      tokenizer;  ///< tokenizer.json; empty: the start model's, or one made from the instructions' words

  std::vector<std::filesystem::path> sources;  ///< CALVIN recordings
  std::filesystem::path store;                 ///< prepared frames
  CalvinWindowsOptions windows;
  /// Further instructions whose words a new tokenizer must know, given the tasks in the recordings: so that a model
  /// also reads phrasings and tasks that are not among them. Set by the caller if available.
  std::function<std::vector<std::string>(const std::set<std::string>& tasks)> vocabulary;
  /// Experts for windows.experts, of these tasks.
  std::function<CalvinWindowsOptions::Experts(const std::set<std::string>& tasks)> experts;
  int token_variants = 1;  ///< shifted versions of each image in the token cache; 0: no cache, images
  int token_static_shift = 4, token_gripper_shift = 2;

  std::optional<VisionPretrainingOptions> vision;  ///< the stage "vision", before all others
  std::optional<ObjectLatentsOptions> latents;     ///< the stage "latents", after it
  TrainingOptions training;
};

/// Throws FileError naming the field that is missing, wrong or unknown.
TrainConfig read_train_config(const std::filesystem::path& file);

}  // namespace deer
