// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "core/train/method/exit_heads.h"
#include "core/train/method/exit_sampling.h"
#include "core/train/method/trainable_model.h"

namespace deer {

/// Names of the outputs of multi_exit_outputs, in order: "exit_1" … by layer, "shared_1", "shared_2".
std::vector<std::string> output_names(const ModelConfig& config);

/// All outputs trained together: each exit's own head on its layer, in order (the last layer's is lm_head;
/// for MPT-7b it sees the normed state), then the shared head on both mixed histories.
HeadOutputs multi_exit_outputs(const TrainableModel& model, const WindowFeatures& features, const ExitSample& sample,
                               std::optional<at::Generator> dropout = {});

struct MultiExitLoss {
  at::Tensor total;    ///< sum over outputs of arm + gripper_weight * gripper
  at::Tensor arm;      ///< [outputs] mean Huber loss (delta 1) of the six pose values
  at::Tensor gripper;  ///< [outputs] mean binary cross-entropy of opening
};

/// `actions` [B, W, 7], the gripper -1 or +1. Data from real robots uses a gripper weight of 0.05.
MultiExitLoss multi_exit_loss(const HeadOutputs& outputs, const at::Tensor& actions, double gripper_weight = 0.01);

/// Criterion values for threshold solving from one batch of windows:
/// [exits, B * (W / 2)]. `every_frame` [B, W] are the exits of the earlier frames.
at::Tensor calibration_values(const TrainableModel& model, const WindowFeatures& features,
                              const at::Tensor& every_frame);

}  // namespace deer
