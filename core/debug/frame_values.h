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

/// A named value for expressions.
struct FrameValueInfo {
  std::string name;
  std::string meaning;  ///< short description, with its unit
};

/// What is needed of a model to name and compute values of its frames.
struct FrameFacts {
  std::vector<int> exit_layers;               ///< zero-based, shallow to deep; empty: no model yet
  std::shared_ptr<const ModelConfig> config;  ///< null: layer costs are unknown
  ActionLayoutPtr layout = ActionLayout::deer();
};

/// Values of one frame for expressions. Distances of actions are root mean squares over all dimensions but grippers and
/// over all steps of the chunk (DeeR: the six arm values, in the model's scale of [-1, 1]). Not thread-safe.
class FrameValues {
 public:
  explicit FrameValues(FrameFacts facts);

  /// Values that every model has. In addition there are delta1, delta2, … and threshold1, … by exit number from 1, and
  /// those of dimension_infos().
  static const std::vector<FrameValueInfo>& infos();

  /// One for each dimension of the executed action, in its unit; the first step of a chunk. Named after the dimension,
  /// "turn x" as turn_x; a name already in use gets the prefix action_.
  static std::vector<FrameValueInfo> dimension_infos(const ActionLayout& layout);

  const FrameFacts& facts() const { return facts_; }
  const std::shared_ptr<Variables>& variables() const { return variables_; }

  /// Sets the variables to the values of a frame. `before`: the previous frame's record; null if there is none.
  void set(const FrameRecord& record, const FrameRecord* before);

 private:
  double llm_gflops(const FrameRecord& record);

  FrameFacts facts_;
  std::optional<CostModel> cost_;
  std::shared_ptr<Variables> variables_;
  std::vector<double> gflops_;  ///< by layer, for prompts of gflops_tokens_; NaN: not yet
  int gflops_tokens_ = -1;
};

/// Distance between two actions: root mean square over what the layout compares.
double action_distance(const ActionLayout& layout, const ActionValues& a, const ActionValues& b);

/// Distance between the executed action and the deepest evaluated exit's; NaN if a deeper exit was not evaluated.
double regret(const FrameRecord& record);

/// The smallest distance between a compared value and its threshold, relative to the threshold; NaN if nothing was
/// compared. Thresholds of "always" and "never" do not count.
double closest_share(const FrameRecord& record);

}  // namespace deer
