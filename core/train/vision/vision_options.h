// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "core/model/model_config.h"

namespace deer {

struct VisionPretrainingOptions {
  VisionConfig vision{.image_size = 96, .patch_size = 12, .width = 96, .layers = 4, .heads = 4, .mlp_width = 384};
  /// Trains the resampler together with the tower: a linear layer predicts the same state from its latents.
  std::optional<PerceiverConfig> resampler;
  std::int64_t steps = 4000;
  std::int64_t frames_per_step = 128;  ///< each with the images of both cameras
  double learning_rate = 1e-3;
  double weight_decay = 0.05;
  std::int64_t warmup_steps = 200;  ///< then a cosine down to 0
  double gradient_norm = 1;
  int static_shift = 0;  ///< largest shift of the images in both directions, in pixels of image_size
  int gripper_shift = 0;
  double brightness = 0.15, contrast = 0.15, colour = 0.05;  ///< largest changes; values run from 0 to 1
  /// Weight of the hint with image positions, which speeds up learning; 0 for cameras that are not placed as CALVIN's.
  double point_weight = 0.1;
  /// Weight of the labels of patches (patch_reader.h), which there are in recordings with other blocks than CALVIN's.
  double patch_weight = 0.5;
  std::uint64_t seed = 0;
  double validation_share = 0.05;         ///< share of the recordings, unless there is a split "validation"
  std::int64_t validation_frames = 2000;  ///< at most
  std::int64_t validate_every = 500;      ///< steps
  std::int64_t log_every = 20;            ///< steps
  double save_every_s = 60;
  int workers = 0;                    ///< threads; 0: one per CPU
  std::int64_t frames_per_pass = 16;  ///< frames a thread computes at once; affects only speed
  bool bfloat16 = false;              ///< the tower computes in bfloat16, the weights stay float32
};

}  // namespace deer
