// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/budget/cost_model.h"
#include "core/debug/expression.h"
#include "core/exits/frame_record.h"

namespace deer {

/// A value that expressions know by name.
struct FrameValueInfo {
  std::string name;
  std::string meaning;  ///< half a sentence, with its unit
};

/// What there is to know of a model in order to name and compute values of its frames.
struct FrameFacts {
  std::vector<int> exit_layers;               ///< zero-based, shallow to deep; empty: no model yet
  std::shared_ptr<const ModelConfig> config;  ///< null: what a layer costs is not known
};

/// The numbers of one frame for expressions. Distances of actions are the root of the mean of squares over the six
/// arm values, in the model's scale of [-1, 1]. Not thread-safe.
class FrameValues {
 public:
  explicit FrameValues(FrameFacts facts);

  /// Those that every model has. Beside them are delta1, delta2, … and threshold1, … by the exit's number from 1.
  static const std::vector<FrameValueInfo>& infos();

  const FrameFacts& facts() const { return facts_; }
  const std::shared_ptr<Variables>& variables() const { return variables_; }

  /// Gives the variables the values of a frame. `before`: the record of the frame before it; null if there is none.
  void set(const FrameRecord& record, const FrameRecord* before);

 private:
  double llm_gflops(const FrameRecord& record);

  FrameFacts facts_;
  std::optional<CostModel> cost_;
  std::shared_ptr<Variables> variables_;
  std::vector<double> gflops_;  ///< by layer, for prompts of gflops_tokens_; NaN: not yet
  int gflops_tokens_ = -1;
};

/// Distance of two actions: the root of the mean of squares over the six arm values.
double action_distance(const std::array<float, 6>& a, const std::array<float, 6>& b);

/// Distance of the executed action from the deepest evaluated exit's; NaN if a deeper exit was not evaluated.
double regret(const FrameRecord& record);

/// The smallest distance of a comparison that the policy made from its threshold, as a share of the threshold; NaN if
/// it made none. Thresholds of "always" and "never" are none.
double closest_share(const FrameRecord& record);

}  // namespace deer
