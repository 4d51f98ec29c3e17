// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/model/model_config.h"
#include "core/train/data/frame_store.h"

namespace deer {

struct VisionPretrainingOptions {
  VisionConfig vision{.image_size = 96, .patch_size = 12, .width = 96, .layers = 4, .heads = 4, .mlp_width = 384};
  /// The resampler is taught along with the tower: a linear layer has to tell the same state from its latents.
  std::optional<PerceiverConfig> resampler;
  std::int64_t steps = 4000;
  std::int64_t frames_per_step = 128;  ///< each with the pictures of both cameras
  double learning_rate = 1e-3;
  double weight_decay = 0.05;
  std::int64_t warmup_steps = 200;  ///< then a cosine down to 0
  double gradient_norm = 1;
  int static_shift = 0;  ///< pictures are moved by up to so many pixels of image_size in both directions
  int gripper_shift = 0;
  double brightness = 0.15, contrast = 0.15, colour = 0.05;  ///< largest changes; values run from 0 to 1
  /// Weight of the hint where things are in the picture, which shortens the search for them; 0 for cameras
  /// that stand elsewhere than CALVIN's.
  double point_weight = 0.1;
  std::uint64_t seed = 0;
  double validation_share = 0.05;         ///< of the recordings, unless a split is called "validation"
  std::int64_t validation_frames = 2000;  ///< at most
  std::int64_t validate_every = 500;      ///< steps
  std::int64_t log_every = 20;            ///< steps
  double save_every_s = 60;
  int workers = 0;                    ///< threads; 0: one for each CPU
  std::int64_t frames_per_pass = 16;  ///< what a thread computes at once; decides speed only
  bool bfloat16 = false;              ///< the tower computes in bfloat16, the weights stay float32
};

struct VisionProgress {
  std::int64_t step = 0, steps = 0;
  double loss = 0;  ///< mean since the last report
  double learning_rate = 0;
  double images_per_second = 0;
  double seconds_left = 0;
};

struct VisionError {
  std::string camera;    ///< "static" or "gripper"; "static latents", "gripper latents" as read behind the resampler
  std::string quantity;  ///< "tcp", "red_block", …
  std::string unit;      ///< "mm", "deg", "% wrong"
  double error = 0;      ///< mean over the validation frames
};

struct VisionValidation {
  std::int64_t step = 0;
  double loss = 0;
  std::vector<VisionError> errors;
};

struct VisionCallbacks {  ///< called on the thread that called
  std::function<void(const VisionProgress&)> progress;
  std::function<void(const VisionValidation&)> validation;
};

/// Teaches a new vision tower to see: from the patch tokens of either camera, a small reader has to
/// tell the state of the scene (see vision_targets.h). The reader is thrown away; the tower is kept, and
/// so is the resampler if it was taught.
///
/// Writes to `folder`: vision.safetensors (the tower and resampler under the model's names), state.safetensors (to
/// resume from), log.csv and validation.csv. A run that was stopped or killed goes on from its last
/// save, and ends as it would have without the break. Returns the last validation.
/// Throws Error if the store lacks states or has pictures of another size, FileError if `folder` holds
/// the state of a different run, Cancelled after saving.
VisionValidation pretrain_vision(const FrameStore& store, const std::filesystem::path& folder,
                                 const VisionPretrainingOptions& options, const VisionCallbacks& callbacks = {},
                                 std::stop_token stop = {});

}  // namespace deer
