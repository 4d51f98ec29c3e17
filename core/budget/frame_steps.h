// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "core/budget/cost_model.h"
#include "core/exits/exit_policy.h"
#include "core/exits/frame_record.h"

namespace deer {

/// The policy's decision at one exit of a frame.
enum class ExitDecision {
  left,         ///< the exit taken
  went_on,      ///< its value required going deeper
  passed,       ///< before the exit taken, but not evaluated: fixed, held, forced
  not_reached,  ///< deeper than the exit taken; evaluated only because every exit was run
  beyond,       ///< deeper than the policy allows
};

/// One exit of one frame, as if the model were run exit by exit. Unknown values are NaN.
struct FrameStep {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  int exit_index = 0;
  int layer = 0;
  bool evaluated = false;    ///< has a probe; otherwise only costs are known
  double change = kUnknown;  ///< of the pooled feature since the previous exit, relative to its length there
  ActionValues action;       ///< as the record's layout orders it; empty if not evaluated
  double delta = kUnknown;
  double threshold = kUnknown;
  ExitDecision decision = ExitDecision::not_reached;
  bool forced = false;  ///< of the exit taken: the policy names it for this very frame

  double llm_gflops = kUnknown;    ///< decoder layers up to here
  double total_gflops = kUnknown;  ///< including vision, resampler, and the head's runs up to here
  double total_ms = kUnknown;      ///< the same, measured in this frame
  bool ms_measured = false;        ///< false: the decoder's and the head's time are divided evenly

  // Output of the next deeper exit, whether or not the policy needed it.
  double next_difference = kUnknown;  ///< action_delta(), root mean square
  bool next_turns_gripper = false;    ///< it would reverse a gripper command
};

/// The exits of `record`, shallow to deep: one entry for each of `exit_layers`. `costs`: null if the model's sizes
/// are unknown. A repeated prediction costs nothing.
std::vector<FrameStep> frame_steps(const FrameRecord& record, std::span<const int> exit_layers,
                                   const ExitPolicy& policy, const CostModel* costs);

}  // namespace deer
