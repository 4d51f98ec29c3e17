// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <vector>

#include "core/exits/decision.h"

namespace deer {

/// What the action head says at every layer of interest of one frame, under one recurrent state.
struct FrameProbes {
  std::vector<ExitProbe> exits;          ///< every exit, shallow to deep; delta and threshold not filled
  std::optional<ExitProbe> predecessor;  ///< of the first exit
  std::vector<ExitProbe> others;         ///< layers that a policy names and that are neither
  /// 1 - cosine similarity of each exit's feature and the one before it; may be empty if no policy compares features.
  std::vector<float> feature_distances;

  /// The probe of `layer`; null if it was not evaluated.
  const ExitProbe* at(int layer) const;
};

/// Where an episode stands under a policy, the recurrent state apart.
struct EpisodeState {
  int steps = 0;                    ///< executed since its start
  std::optional<int> held_layer;    ///< of the last decision
  std::optional<FrameRecord> last;  ///< last prediction, while predictions are repeated
};

/// The record that Rollout::step() makes in probe mode of a frame with these probes, `frame` included; without
/// features, prompt and times. Null as `taken` if the probes do not hold the layer that is taken.
struct Assembled {
  FrameRecord record;
  /// A comparison was decided by less than what batching may change in a number: ask the exact way.
  bool close = false;
  bool taken_is_known = true;
};
Assembled assemble(const ExitPolicy& policy, const std::vector<int>& exit_layers, const EpisodeState& state,
                   std::int64_t frame, const FrameProbes& probes);

/// The state after `record`.
void advance(EpisodeState& state, const ExitPolicy& policy, const FrameRecord& record);

}  // namespace deer
