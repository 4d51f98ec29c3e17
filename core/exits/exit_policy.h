// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deer {

/// How the actions of two neighbouring exits are compared (reference document, section 2). All use
/// the six arm values; the gripper takes no part.
enum class DeltaType {
  l2,      ///< root of the mean of squares
  mean,    ///< mean absolute difference
  max,     ///< largest absolute difference
  cosine,  ///< 1 - cosine similarity, norms clamped at 1e-5
};

/// What decides whether to leave at an exit.
enum class Criterion {
  action_delta,        ///< delta of neighbouring exits' actions against the exit's threshold (the paper's)
  feature_similarity,  ///< 1 - cosine similarity of neighbouring exits' pooled features against the threshold
  time_step,           ///< deeper as the episode goes on: exit number grows with the step (paper's ablation)
  fixed_exit,          ///< always the same exit; no probing
};

/// A threshold that always leaves, and one that never does, as the reference's solver writes them.
inline constexpr double kAlwaysLeave = 1e8;
inline constexpr double kNeverLeave = -1e8;

/// Everything that decides where a rollout stops. A value: copy it, compare it, send it to a thread.
struct ExitPolicy {
  Criterion criterion = Criterion::action_delta;
  DeltaType delta_type = DeltaType::l2;

  /// One per exit, shallow to deep; leave where value <= threshold. The deepest allowed exit is
  /// taken whatever its threshold says. Fewer thresholds than exits are allowed only if the missing
  /// exits can never be reached (they lie beyond max_layer).
  std::vector<double> thresholds;

  /// Leave where value <= threshold; if false, where it is greater (reference: leq).
  bool leq = true;

  /// Layers the budget allows: exits up to layer max_layer - 1 may be used. Empty: all.
  std::optional<int> max_layer;

  /// Exit layer for Criterion::fixed_exit. Any layer that the model keeps; the deepest if empty.
  std::optional<int> fixed_layer;

  /// With fixed_exit: use the head trained on that layer alone, not the shared one.
  bool use_own_head = false;

  /// Decide anew every so many steps, and keep the exit in between (reference: steps_per_stage).
  int steps_per_stage = 1;

  /// For Criterion::time_step: steps after which the next deeper exit is used.
  int steps_per_exit = 60;

  /// The command is the mean of the last two probes of a step (reference: use_action_ensemble).
  bool action_ensemble = false;

  /// Repeat each prediction so many times; the network is not called in between (multi_execution).
  int executions = 1;

  /// Forget the recurrent state every so many executed steps; 0 never. The reference's `replan`, with
  /// or without `refresh`, does just this to an LSTM head.
  int refresh_every = 0;

  /// Exit layers of single frames, by FrameRecord::frame, whatever the criterion says. For what-if questions
  /// and calibration; any layer that the model keeps.
  std::map<std::int64_t, int> forced_layers;

  bool operator==(const ExitPolicy&) const = default;
};

std::string_view to_string(DeltaType type);
std::string_view to_string(Criterion criterion);

/// Parse the names that to_string gives, and the reference's ("L2", "mean", "max", "cosine").
/// Throw Error naming the accepted words.
DeltaType parse_delta_type(std::string_view name);
Criterion parse_criterion(std::string_view name);

}  // namespace deer
