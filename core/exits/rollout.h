// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <string>
#include <vector>

#include "core/exits/decision.h"
#include "core/exits/exit_policy.h"
#include "core/exits/frame_record.h"
#include "core/exits/learned_gate.h"
#include "core/model/multi_exit_model.h"

namespace deer {

/// Pooled features of one frame, by layer. The decoder computes them on demand; a recorded frame has them already. The
/// rollout does not distinguish the two, which makes replays exact.
class FeatureSource {
 public:
  virtual ~FeatureSource() = default;

  /// [1, d_model], float32, on the model's device. Throws Error if the layer is not available.
  virtual at::Tensor pooled(int layer) = 0;
};

/// Features computed by the decoder.
class DecoderFeatures final : public FeatureSource {
 public:
  explicit DecoderFeatures(DecoderPass& pass) : pass_(pass) {}
  at::Tensor pooled(int layer) override;

  double milliseconds() const { return milliseconds_; }  ///< spent in the decoder so far

 private:
  DecoderPass& pass_;
  double milliseconds_ = 0;
};

/// The feature of `layer` in a record. Throws Error if it has none.
const std::vector<float>& recorded_feature(const FrameRecord& record, int layer);

/// Features of a frame recorded in probe mode.
class RecordedFeatures final : public FeatureSource {
 public:
  RecordedFeatures(const FrameRecord& record, at::Device device) : record_(record), device_(device) {}
  at::Tensor pooled(int layer) override;

 private:
  const FrameRecord& record_;
  at::Device device_;
};

/// Numbers in h of all layers of a head's recurrent state.
std::size_t state_size(const ActionHead& head);

/// DeeR's dynamic inference over the frames of an episode: probes
/// exits from shallow to deep, decides where to exit, and updates the head's recurrent state once
/// per step with the feature of the exit taken. Not thread-safe.
class Rollout {
 public:
  /// The model must outlive the rollout.
  explicit Rollout(const MultiExitModel& model) : model_(&model) {}

  /// Throws Error, keeping the previous policy, if it does not match the model, or its gate is needed and not loaded.
  void set_policy(const ExitPolicy& policy);
  const ExitPolicy& policy() const { return policy_; }

  /// Resets the history: the next step is the first of an episode.
  void reset();

  /// One frame. Fills everything but `frame`, `mode` and the times before the head. If it throws,
  /// the state is as it was before. `frame` looks up the policy's forced layers.
  FrameRecord step(FeatureSource& features, RunMode mode, std::int64_t frame = -1);

  /// The rollout as a value, without an instruction, which it knows nothing of.
  RolloutState snapshot() const;

  /// Continues from there. Throws Error, leaving the rollout as it was, if the state does not fit the model.
  void restore(const RolloutState& state);

  int steps() const { return steps_; }
  const RecurrentState& state() const { return state_; }

  /// True if the next step() repeats the last prediction and needs no features in policy mode.
  bool repeats_next() const { return repeats(policy_, steps_) && last_; }

 private:
  FrameRecord step_from_state(FeatureSource& features, RunMode mode, std::int64_t frame);

  static ExitPolicy deepest_exit_policy() {
    ExitPolicy policy;
    policy.criterion = Criterion::fixed_exit;
    return policy;
  }

  const ActionHead* head_for(int layer) const;
  ExitProbe probe(FeatureSource& features, int layer) const;
  std::optional<GateFrame> gate_frame() const;
  Decision decide(FeatureSource& features, FrameRecord& record, std::int64_t frame,
                  std::optional<GateFrame>& gate) const;
  void probe_next(FeatureSource& features, FrameRecord& record, std::size_t index, bool by_policy,
                  std::optional<GateFrame>& gate) const;

  const MultiExitModel* model_;
  ExitPolicy policy_ = deepest_exit_policy();
  RecurrentState state_;
  int steps_ = 0;                    ///< executed steps since the reset
  std::optional<int> held_layer_;    ///< layer used at the last decision
  std::optional<FrameRecord> last_;  ///< only kept while predictions are repeated
};

}  // namespace deer
