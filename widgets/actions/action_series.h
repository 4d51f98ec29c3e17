// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/exits/frame_record.h"

namespace deer {

/// The action values of every exit over the frames of an episode, and the recorded ones; of chunks the first step.
/// Values are as stored. DeeR's: arm relative and scaled to [-1, 1], gripper as probability of opening (recorded: 1
/// open, 0 close). NaN where unknown.
class ActionSeries {
 public:
  using Values = std::vector<float>;

  void reset(std::size_t frames, std::vector<int> exit_layers, ActionLayoutPtr layout);
  void grow(std::size_t frames);
  void set_record(std::size_t frame, const FrameRecord& record);
  void set_recorded(std::size_t frame, std::span<const float> action);  ///< empty: none

  const ActionLayout& layout() const { return *layout_; }
  std::size_t dimensions() const { return layout_->width(); }

  std::size_t frames() const { return frames_; }
  std::size_t exits() const { return exit_layers_.size(); }
  const Values& exit(std::size_t exit, std::size_t dimension) const { return by_exit_[exit][dimension]; }
  const Values& executed(std::size_t dimension) const { return executed_[dimension]; }
  const Values& recorded(std::size_t dimension) const { return recorded_[dimension]; }

  /// Smallest and largest value over the exits of a frame: their disagreement.
  std::array<float, 2> band(std::size_t dimension, std::size_t frame) const;
  /// |exit - recorded|.
  float error(std::size_t exit, std::size_t dimension, std::size_t frame) const;
  /// Root mean square of the errors of all dimensions except grippers, for each frame. DeeR: the six arm values.
  const Values& arm_error(std::size_t exit) const { return arm_errors_[exit].values; }
  /// Mean over the frames where it is known; NaN if there are none.
  double mean_arm_error(std::size_t exit) const;

 private:
  struct ArmErrors {
    Values values;
    double sum = 0;
    std::int64_t known = 0;
  };

  void update_errors(std::size_t frame);

  std::vector<int> exit_layers_;
  ActionLayoutPtr layout_ = ActionLayout::deer();
  std::size_t frames_ = 0;
  std::vector<std::vector<Values>> by_exit_;
  std::vector<Values> executed_;
  std::vector<Values> recorded_;
  std::vector<ArmErrors> arm_errors_;  // by exit; updated incrementally: scrubbing needs their means
};

}  // namespace deer
