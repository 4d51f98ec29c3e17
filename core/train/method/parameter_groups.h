// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deer {

/// joint: resampler, cross-attention, word embedding and all heads. exit: the heads only.
enum class TrainingStage { joint, exit };

/// Whether a stage trains this parameter. `decoder_too` adds the decoder's blocks to the joint stage, for models
/// without a pretrained language model; without `resampler_too` the resampler is left as it is.
bool trains(TrainingStage stage, const std::string& parameter, bool decoder_too = false, bool resampler_too = true);

struct ParameterGroup {
  std::string name;  ///< "backbone_decay", "backbone", "heads_decay", "heads"
  double learning_rate = 0;
  double weight_decay = 0;
  std::vector<std::string> parameters;
};

struct GroupOptions {
  double learning_rate = 1e-4;  ///< of the stage
  double head_scale = 0.25;     ///< joint stage: factor for the heads' learning rate
  double weight_decay = 0.1;
  bool decay_heads = false;
};

/// Splits the parameters of a stage into groups. Weight decay applies to cross-attention except its gates, biases and
/// names with "norm"; to trained decoder blocks except their norms; and optionally to heads. Groups may be empty; the
/// exit stage has only the two for heads.
std::vector<ParameterGroup> parameter_groups(TrainingStage stage, const std::vector<std::string>& parameters,
                                             const GroupOptions& options);

/// The reference's rule for its command-line learning rates: scaled by batch / 6 and processes / 8.
double scaled_learning_rate(double learning_rate, std::int64_t batch_per_process, std::int64_t processes);

}  // namespace deer
