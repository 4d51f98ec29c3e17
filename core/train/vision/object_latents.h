// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <map>
#include <span>
#include <stop_token>
#include <string>

#include "core/model/model_config.h"
#include "core/train/data/frame_store.h"

namespace deer {

struct ObjectLatentsOptions {
  PerceiverConfig resampler;  ///< with at least as many latents as there are block slots
  std::int64_t steps = 3000;
  std::int64_t frames_per_step = 128;  ///< each with both cameras
  double learning_rate = 1e-3;
  std::int64_t warmup_steps = 100;  ///< then a cosine down to 0
  double weight_decay = 0.02;
  std::uint64_t seed = 0;
  std::int64_t log_every = 100;  ///< steps
  int workers = 0;               ///< threads; 0: one per CPU
};

/// Tokens of the frozen tower for frames of a store: [B, P, width] of any floating type. Called on several threads.
struct FrameTokens {
  std::function<at::Tensor(std::span<const std::int64_t> frames)> static_camera, gripper_camera;
};

struct ObjectLatentsProgress {
  std::int64_t step = 0, steps = 0;
  double loss = 0;         ///< mean since the last report
  double error_mm = 0;     ///< of the blocks' positions in the static camera, over held-out frames
  double near = 0;         ///< share of them within 3 cm
  double wrong_there = 0;  ///< share of slots said to hold a block wrongly, or wrongly to be empty
};

/// Trains a resampler, on the tokens of a frozen tower, so that one latent stands for one block: latent i alone
/// has to say whether there is a block in slot i (block_slot_names()), where, and how it is turned. The rest of the
/// state is said by the latents beyond the slots', or by all if there are none. What a narrow cross-attention fetches from one latent is then one object,
/// as it is not if the state is spread over all of them. `start`: the resampler's parameters by the model's names;
/// none: a new one. Returns the trained ones: the same for the same arguments and number of threads. Throws Error if
/// the store's blocks or latents are too few, Cancelled.
std::map<std::string, at::Tensor> train_object_latents(const FrameStore& store, const FrameTokens& tokens,
                                                       const std::map<std::string, at::Tensor>& start,
                                                       const ObjectLatentsOptions& options,
                                                       const std::function<void(const ObjectLatentsProgress&)>& report,
                                                       const std::stop_token& stop);

}  // namespace deer
