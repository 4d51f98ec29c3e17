// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <limits>
#include <span>
#include <vector>

#include "core/budget/cost_model.h"
#include "core/exits/exit_policy.h"
#include "core/exits/frame_record.h"

namespace deer {

/// What the policy made of one exit of a frame.
enum class ExitDecision {
  left,         ///< the exit taken
  went_on,      ///< its value asked to go deeper
  passed,       ///< lies before the exit taken, but was not asked: fixed, held, forced
  not_reached,  ///< deeper than the exit taken; seen only because every exit was run
  beyond,       ///< deeper than the policy may go
};

/// One exit of one frame, as if the model were run exit by exit. What is not known is NaN.
struct FrameStep {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  int exit_index = 0;
  int layer = 0;
  bool evaluated = false;      ///< there is a probe; otherwise only costs are known
  double change = kUnknown;    ///< of the pooled feature since the exit before, relative to its length there
  std::array<float, 6> arm{};  ///< if evaluated; relative, scaled to [-1, 1]
  double gripper_probability = kUnknown;
  double delta = kUnknown;
  double threshold = kUnknown;
  ExitDecision decision = ExitDecision::not_reached;

  double llm_gflops = kUnknown;    ///< decoder layers up to here
  double total_gflops = kUnknown;  ///< with vision, resampler, and the head's runs up to here
  double total_ms = kUnknown;      ///< likewise, of this frame
  bool ms_measured = false;        ///< false: the decoder's and the head's time shared out evenly

  // What the next deeper exit says, whether or not it was asked.
  double next_difference = kUnknown;  ///< root of the mean of squares over the six arm values
  bool next_turns_gripper = false;    ///< it would move the gripper the other way
};

/// The exits of `record`, shallow to deep: one entry for each of `exit_layers`. `costs`: null if the model's sizes
/// are not known. A repeated prediction costs nothing.
std::vector<FrameStep> frame_steps(const FrameRecord& record, std::span<const int> exit_layers,
                                   const ExitPolicy& policy, const CostModel* costs);

}  // namespace deer
