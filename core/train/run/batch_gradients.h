// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "core/train/method/multi_exit_loss.h"
#include "core/train/method/parameter_groups.h"

namespace deer {

struct LossOptions {
  TrainingStage stage = TrainingStage::joint;
  double gripper_weight = 0.01;
  PaddingInPooling padding = PaddingInPooling::excluded;
  at::ScalarType dtype = at::kFloat;  ///< kBFloat16: the backbone under autocast
};

/// Windows of a batch that one thread processes together, with their random choices.
struct BatchPart {
  WindowBatch batch;
  ExitSample sample;
  std::uint64_t dropout_seed = 0;
  double weight = 1;  ///< the part's share of the whole batch
};

/// Weighted means over windows.
struct LossValues {
  double total = 0;
  std::vector<double> arm, gripper;  ///< by output, see output_names()

  void add(const LossValues& other);
  /// Conversion to and from one row of numbers: total, arm…, gripper….
  std::vector<double> row() const;
  static LossValues from_row(const std::vector<double>& row);
};

/// Computes gradients of a batch on several threads, each with single-threaded operations: small
/// operations split over cores would mostly wait for each other. Parts are assigned in turn and the threads' gradients
/// are added in order, so the result is deterministic.
class BatchGradients {
 public:
  /// On the CPU the caller must hold a SingleThreadedMath. `model` must outlive this and keep its set of trainable
  /// parameters. `workers` applies only to the CPU.
  BatchGradients(TrainableModel& model, LossOptions options, int workers);

  /// Adds the weighted gradients of `parts` to those of the model's parameters.
  LossValues accumulate(const std::vector<BatchPart>& parts);

  /// Only the losses, without dropout.
  LossValues evaluate(const std::vector<BatchPart>& parts);

 private:
  LossValues run(TrainableModel& model, const BatchPart& part, bool train) const;
  LossValues run_all(const std::vector<BatchPart>& parts, bool train);

  TrainableModel& model_;
  LossOptions options_;
  std::vector<TrainableModel> replicas_;  ///< for the workers after the first
  int workers_;
};

}  // namespace deer
