// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/exits/frame_record.h"

namespace deer {

/// The seven action values of every exit over the frames of an episode, and the recorded ones. Values are the
/// model's own: arm relative and scaled to [-1, 1], gripper as probability of opening (recorded: 1 open, 0 close).
/// NaN where unknown.
class ActionSeries {
 public:
  static constexpr std::size_t kDimensions = 7;
  static constexpr std::size_t kGripper = 6;
  using Values = std::vector<float>;

  void reset(std::size_t frames, std::vector<int> exit_layers);
  void grow(std::size_t frames);
  void set_record(std::size_t frame, const FrameRecord& record);
  void set_recorded(std::size_t frame, const std::optional<std::array<float, 7>>& action);

  std::size_t frames() const { return executed_[0].size(); }
  std::size_t exits() const { return exit_layers_.size(); }
  const Values& exit(std::size_t exit, std::size_t dimension) const { return by_exit_[exit][dimension]; }
  const Values& executed(std::size_t dimension) const { return executed_[dimension]; }
  const Values& recorded(std::size_t dimension) const { return recorded_[dimension]; }

  /// Smallest and largest value over the exits of a frame: their disagreement.
  std::array<float, 2> band(std::size_t dimension, std::size_t frame) const;
  /// |exit - recorded|.
  float error(std::size_t exit, std::size_t dimension, std::size_t frame) const;
  /// Root mean square of the six arm values' errors, for each frame.
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
  std::vector<std::array<Values, kDimensions>> by_exit_;
  std::array<Values, kDimensions> executed_;
  std::array<Values, kDimensions> recorded_;
  std::vector<ArmErrors>
      arm_errors_;  // by exit; updated incrementally, because scrubbing needs their means at every step
};

}  // namespace deer
