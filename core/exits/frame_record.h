// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/action_layout.h"
#include "core/base/action_values.h"
#include "core/base/image.h"

namespace deer {

/// One camera frame for the model. The images may have any size.
struct FrameInput {
  std::int64_t frame = 0;
  ImagePtr rgb_static;   ///< required
  ImagePtr rgb_gripper;  ///< required by the published models
  std::string instruction;
};

inline constexpr float kNotEvaluated = std::numeric_limits<float>::quiet_NaN();

/// What the action head said at one exit of one frame.
struct ExitProbe {
  int layer = 0;                     ///< zero-based layer after which the exit sits
  std::vector<float> feature;        ///< pooled hidden state, [d_model]; empty if not kept
  ActionValues action;               ///< as FrameRecord::layout orders it; may be empty only of a predecessor
  float gripper_logit = 0;           ///< of DeeR's gripper, whose probability of opening is in the action
  float delta = kNotEvaluated;       ///< the criterion's value against the exit before; NaN if not evaluated
  float threshold = kNotEvaluated;   ///< of the policy in force; NaN if it has none here
  bool evaluated_by_policy = false;  ///< false: only seen because of probe mode

  // Of DeeR's layout alone.
  std::span<const float, 6> arm() const { return std::span<const float, 6>(action.data(), 6); }
  float gripper_probability() const { return action.data()[6]; }
};

enum class ExitReason {
  within_threshold,  ///< delta <= threshold
  deepest_allowed,   ///< no deeper exit may be used
  held,              ///< steps_per_stage: the exit of the last decision
  scheduled,         ///< Criterion::time_step: the exit that this step calls for
  fixed,             ///< the policy names the exit
  forced,            ///< the policy names the exit of this very frame
  repeated,          ///< executions: the last prediction again; the network was not called
};

/// Milliseconds of wall time. On CUDA each stage ends with a synchronisation.
struct StageTimes {
  double preprocess_ms = 0;
  double vision_ms = 0;
  double resampler_ms = 0;
  double llm_ms = 0;
  double head_ms = 0;
  int reused_pictures = 0;  ///< cameras whose picture was the one before again, and was not encoded again

  double total_ms() const { return preprocess_ms + vision_ms + resampler_ms + llm_ms + head_ms; }
};

enum class RunMode {
  policy,  ///< the model really stops at the exit taken
  probe,   ///< every exit is evaluated, the policy decides all the same
};

/// One step of the policy on one frame. Made once by the engine, shared, never changed.
struct FrameRecord {
  std::int64_t frame = 0;  ///< index in its episode
  int step = 0;            ///< executed steps since the last reset
  RunMode mode = RunMode::policy;
  int prompt_tokens = 0;  ///< of the instruction as the model reads it; 0 if the network was not called

  int exit_layer = 0;   ///< layer whose action was executed; depth = exit_layer + 1
  int exit_index = -1;  ///< its place among the exits; -1 for a layer that is not an exit
  ExitReason reason = ExitReason::deepest_allowed;

  /// Evaluated exits, shallow to deep. Probe mode: one entry for every exit of the model. Policy
  /// mode: those that were probed, or only the layer taken if the policy did not probe.
  std::vector<ExitProbe> exits;
  ExitProbe predecessor;  ///< the layer the first exit is compared with; see has_predecessor()

  ActionLayoutPtr layout = ActionLayout::deer();  ///< of every action here; never null
  ActionValues action;                            ///< executed, after the recurrent state advanced
  float gripper_logit = 0;                        ///< of DeeR's gripper
  /// Sent to the robot. DeeR's: arm in half precision, and the gripper (+1 open, -1 close).
  ActionValues command;

  StageTimes times;

  int depth() const { return exit_layer + 1; }
  bool has_predecessor() const { return !predecessor.action.empty(); }
  // Of DeeR's layout alone.
  std::span<const float, 6> arm() const { return std::span<const float, 6>(action.data(), 6); }
  float gripper_probability() const { return action.data()[6]; }

  /// Whether the command opens a gripper; `dimension` is one of layout->grippers(). Of a chunk, its first step.
  bool opens(std::size_t dimension) const {
    return dimension < command.size() && layout->opens(dimension, static_cast<double>(command[dimension]));
  }
  /// Whether the commands differ at a gripper.
  bool turns_gripper(const FrameRecord& other) const {
    if (command.size() != other.command.size()) return false;
    for (const auto dimension : layout->grippers()) {
      if (opens(dimension) != other.opens(dimension)) return true;
    }
    return false;
  }
  const ExitProbe* probe_at(int layer) const {
    for (const ExitProbe& probe : exits) {
      if (probe.layer == layer) return &probe;
    }
    return nullptr;
  }
};

using FrameRecordPtr = std::shared_ptr<const FrameRecord>;

/// What a rollout carries from one frame to the next: enough to continue it elsewhere, on the same weights, with the
/// same results. A value; the default is a rollout that has not begun.
struct RolloutState {
  /// The prediction that the next steps repeat (ExitPolicy::executions).
  struct Repeated {
    int exit_layer = 0;
    ActionValues action;
    float gripper_logit = 0;
    ActionValues command;
  };

  int steps = 0;                           ///< executed since the reset
  std::optional<std::string> instruction;  ///< of the steps so far; none before the first
  std::optional<int> held_layer;           ///< layer of the last decision
  int state_layers = 0;                    ///< of the head's LSTM; 0: its history is empty
  std::vector<float> h;                    ///< [state_layers, hidden_size], as ActionHead's RecurrentState
  std::vector<float> c;                    ///< the same shape
  std::optional<Repeated> repeated;
};

std::string_view to_string(ExitReason reason);

}  // namespace deer
