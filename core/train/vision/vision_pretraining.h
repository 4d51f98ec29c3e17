// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/train/data/frame_store.h"
#include "core/train/vision/vision_options.h"

namespace deer {

struct VisionProgress {
  std::int64_t step = 0, steps = 0;
  double loss = 0;  ///< mean since the last report
  double learning_rate = 0;
  double images_per_second = 0;
  double seconds_left = 0;
};

struct VisionError {
  std::string camera;    ///< "static" or "gripper"; "static latents", "gripper latents" as read after the resampler
  std::string quantity;  ///< "tcp", "red_block", …
  std::string unit;      ///< "mm", "deg", "% wrong"
  double error = 0;      ///< mean over the validation frames
};

struct VisionValidation {
  std::int64_t step = 0;
  double loss = 0;
  std::vector<VisionError> errors;
};

struct VisionCallbacks {  ///< called on the calling thread
  std::function<void(const VisionProgress&)> progress;
  std::function<void(const VisionValidation&)> validation;
};

/// Trains a new vision tower: a small reader predicts the state of the scene (see vision_targets.h) from the patch
/// tokens of each camera. The reader is discarded; the tower is kept, and the resampler if it was trained.
///
/// Writes to `folder`: vision.safetensors (the tower and resampler under the model's names), state.safetensors (for
/// resuming), log.csv and validation.csv. A stopped or killed run resumes from its last save, and ends as without the
/// interruption. Returns the last validation. Throws Error if the store lacks states or has images of another size,
/// FileError if `folder` holds the state of a different run, Cancelled after saving.
VisionValidation pretrain_vision(const FrameStore& store, const std::filesystem::path& folder,
                                 const VisionPretrainingOptions& options, const VisionCallbacks& callbacks = {},
                                 std::stop_token stop = {});

}  // namespace deer
