// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/exits/learned_gate.h"
#include "core/train/gate/gate_samples.h"

namespace deer {

/// Samples by what they are used for, as int64 indices. No episode is in two of them.
struct GateSplit {
  at::Tensor training;
  at::Tensor validation;                    ///< decides when to stop
  at::Tensor calibration;                   ///< what the network's distances mean
  at::Tensor test;                          ///< only for figures
  std::int64_t episodes[4] = {0, 0, 0, 0};  ///< in the same order
};

/// About 70, 10, 10 and 10 per cent of the episodes, in random order, at least one each. Throws Error with fewer than
/// four episodes.
GateSplit split_by_episode(const at::Tensor& episode, std::uint64_t seed);

struct GateTrainingOptions {
  int width = 64;
  int epochs = 40;    ///< at most
  int patience = 10;  ///< epochs without a lower validation loss before it stops
  int batch = 128;    ///< samples, each with all gated exits
  double learning_rate = 3e-4;
  double weight_decay = 5;
  double dropout = 0.1;  ///< of normalised inputs, in training
  std::uint64_t seed = 0;
  std::function<void(int epoch, double training_loss, double validation_loss)> progress;
  std::stop_token stop;
};

struct GateTraining {
  GateWeights weights;                  ///< calibrated
  std::vector<double> training_loss;    ///< by epoch
  std::vector<double> validation_loss;  ///< by epoch; [0] is that of the untrained network
  int best_epoch = 0;                   ///< whose weights were kept; 0: untrained
};

/// Trains a gate by AdamW on the squared error of log(1 + distance / unit), which counts relative errors of large
/// distances and absolute ones of small; unit is the median distance. Stops early, keeps the best epoch, and calibrates
/// it. The same numbers for the same samples, options and number of threads. Throws Error if the split's training part
/// is empty; Cancelled.
GateTraining train_gate(const GateSamples& samples, const GateSplit& split, const GateTrainingOptions& options);

/// What a gate says of samples: [indices, E] float32, by the code that policies use.
at::Tensor predict(const LearnedGate& gate, const GateSamples& samples, const at::Tensor& indices);

/// An increasing piecewise linear map from predicted to mean actual values: isotonic regression over bins of equal
/// counts. Not empty; strictly increasing and above 0.
std::vector<std::pair<float, float>> increasing_map(std::vector<std::pair<double, double>> predicted_and_actual,
                                                    std::size_t bins = 24);

}  // namespace deer
