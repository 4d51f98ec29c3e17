// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/rollout.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/error.h"
#include "core/exits/criterion.h"
#include "core/model/device.h"

namespace deer {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::vector<float> to_floats(const at::Tensor& tensor) {
  const auto plain = tensor.to(at::kCPU, at::kFloat).contiguous();
  const auto* data = plain.data_ptr<float>();
  return {data, data + plain.numel()};
}

std::array<float, 6> to_arm(const at::Tensor& tensor) {
  const auto values = to_floats(tensor);
  std::array<float, 6> out{};
  std::copy_n(values.begin(), out.size(), out.begin());
  return out;
}

}  // namespace

at::Tensor DecoderFeatures::pooled(int layer) {
  const auto start = Clock::now();
  auto out = pass_.pooled(layer);
  synchronize(out.device());
  milliseconds_ += milliseconds_since(start);
  return out;
}

at::Tensor RecordedFeatures::pooled(int layer) {
  const ExitProbe* probe = record_.probe_at(layer);
  if (probe == nullptr && record_.predecessor.layer == layer) probe = &record_.predecessor;
  if (probe == nullptr || probe->feature.empty()) {
    throw Error("frame " + std::to_string(record_.frame) + " was recorded without the feature of layer " +
                std::to_string(layer) + ": run the model on it again, in probe mode");
  }
  // The record outlives the tensor: nothing here keeps it.
  auto* data = const_cast<float*>(probe->feature.data());
  return at::from_blob(data, {1, static_cast<std::int64_t>(probe->feature.size())}, at::kFloat).to(device_);
}

int deepest_allowed_exit(const ExitPolicy& policy, const std::vector<int>& exit_layers) {
  if (!policy.max_layer) return exit_layers.back();
  int deepest = -1;
  for (const int layer : exit_layers) {
    if (layer <= *policy.max_layer - 1) deepest = layer;
  }
  return deepest;
}

void check_policy(const ExitPolicy& policy, const std::vector<int>& exit_layers, int layers) {
  const int deepest = deepest_allowed_exit(policy, exit_layers);
  if (deepest < 0) {
    throw Error("max layer " + std::to_string(*policy.max_layer) + " allows no exit: the first one is after layer " +
                std::to_string(exit_layers.front()));
  }
  if (policy.steps_per_stage < 1)
    throw Error("steps per stage is " + std::to_string(policy.steps_per_stage) + ", expected 1 or more");
  if (policy.steps_per_exit < 1)
    throw Error("steps per exit is " + std::to_string(policy.steps_per_exit) + ", expected 1 or more");
  if (policy.executions < 1) throw Error("executions is " + std::to_string(policy.executions) + ", expected 1 or more");
  if (policy.refresh_every < 0)
    throw Error("refresh every is " + std::to_string(policy.refresh_every) + ", expected 0 or more");
  for (const auto& [frame, layer] : policy.forced_layers) {
    if (layer < 0 || layer >= layers) {
      throw Error("frame " + std::to_string(frame) + " is forced to layer " + std::to_string(layer) +
                  ", which does not exist: the model has layers 0 to " + std::to_string(layers - 1));
    }
  }
  if (policy.criterion == Criterion::fixed_exit) {
    const int layer = policy.fixed_layer.value_or(deepest);
    if (policy.max_layer && layer >= *policy.max_layer) {
      throw Error("exit layer " + std::to_string(layer) + " is beyond max layer " + std::to_string(*policy.max_layer));
    }
    if (layer < 0 || layer >= layers) {
      throw Error("exit layer " + std::to_string(layer) + " does not exist: the model has layers 0 to " +
                  std::to_string(layers - 1));
    }
    return;
  }
  if (policy.use_own_head) throw Error("a layer's own head can only be used with a fixed exit");
  if (policy.criterion == Criterion::time_step) return;
  if (policy.action_ensemble && policy.steps_per_stage > 1) {
    throw Error("action ensemble needs a decision at every step: set steps per stage to 1");
  }
  if (exit_layers.front() == 0) {
    throw Error(
        "the first exit is after layer 0, which has no layer before it to compare with: dynamic exit needs an exit "
        "interval of 2 or more");
  }
  const auto reachable = static_cast<std::size_t>(
      std::count_if(exit_layers.begin(), exit_layers.end(), [&](int layer) { return layer <= deepest; }));
  // The deepest reachable exit is taken whatever its threshold says.
  if (policy.thresholds.size() + 1 < reachable || policy.thresholds.size() > exit_layers.size()) {
    throw Error(std::to_string(policy.thresholds.size()) + " thresholds given, expected " + std::to_string(reachable) +
                " (one per exit, shallow to deep)");
  }
  for (const double threshold : policy.thresholds) {
    if (std::isnan(threshold)) throw Error("a threshold is not a number");
  }
}

void Rollout::set_policy(const ExitPolicy& policy) {
  check_policy(policy, model_->exit_layers(), model_->layers());
  if (policy.criterion == Criterion::fixed_exit && policy.use_own_head) {
    const int layer = policy.fixed_layer.value_or(deepest_allowed_exit(policy, model_->exit_layers()));
    if (model_->head_of_layer(layer) == nullptr) {
      throw Error("layer " + std::to_string(layer) + " has no head of its own: it is not an exit");
    }
  } else if (model_->shared_head() == nullptr &&
             (policy.criterion != Criterion::fixed_exit ||
              policy.fixed_layer.value_or(model_->exit_layers().back()) != model_->exit_layers().back())) {
    throw Error("this checkpoint has no shared exit head (multi_exit is off): only its last layer can be used");
  }
  policy_ = policy;
}

void Rollout::reset() {
  state_ = {};
  steps_ = 0;
  held_layer_.reset();
  last_.reset();
}

const ActionHead* Rollout::head_for(int layer) const {
  if (!policy_.use_own_head && model_->shared_head() != nullptr) return model_->shared_head();
  return model_->head_of_layer(layer);
}

ExitProbe Rollout::probe(FeatureSource& features, int layer) const {
  const auto feature = features.pooled(layer);
  const auto out = head_for(layer)->step(feature, state_);
  ExitProbe probe;
  probe.layer = layer;
  probe.feature = to_floats(feature);
  probe.arm = to_arm(out.arm);
  probe.gripper_probability = out.gripper_probability.item<float>();
  probe.gripper_logit = out.gripper_logit.item<float>();
  return probe;
}

// Probes exit number `index` and compares it with the exit before it; the first one with an extra
// probe of the layer just below.
void Rollout::probe_next(FeatureSource& features, FrameRecord& record, std::size_t index, bool by_policy) const {
  const auto& exits = model_->exit_layers();
  const int layer = exits[index];
  if (index == 0 && layer > 0 && head_for(layer - 1) != nullptr) record.predecessor = probe(features, layer - 1);
  auto probed = probe(features, layer);
  const ExitProbe* previous = index == 0 ? &record.predecessor : &record.exits[index - 1];
  if (!previous->feature.empty()) {
    probed.delta = policy_.criterion == Criterion::feature_similarity
                       ? feature_distance(probed.feature, previous->feature)
                       : action_delta(policy_.delta_type, probed.arm, previous->arm);
  }
  if (index < policy_.thresholds.size() && policy_.criterion != Criterion::fixed_exit &&
      policy_.criterion != Criterion::time_step) {
    probed.threshold = static_cast<float>(policy_.thresholds[index]);
  }
  probed.evaluated_by_policy = by_policy;
  record.exits.push_back(std::move(probed));
}

Rollout::Decision Rollout::probe_until_exit(FeatureSource& features, FrameRecord& record) const {
  const auto& exits = model_->exit_layers();
  const int deepest = deepest_allowed_exit(policy_, exits);
  for (std::size_t i = 0; i < exits.size(); ++i) {
    probe_next(features, record, i, true);
    const auto& probed = record.exits[i];
    if (i < policy_.thresholds.size() && (probed.delta <= static_cast<float>(policy_.thresholds[i])) == policy_.leq) {
      return {exits[i], ExitReason::within_threshold};
    }
    if (exits[i] >= deepest) return {exits[i], ExitReason::deepest_allowed};
  }
  return {exits.back(), ExitReason::deepest_allowed};
}

Rollout::Decision Rollout::decide(FeatureSource& features, FrameRecord& record, std::int64_t frame) const {
  const auto forced = policy_.forced_layers.find(frame);
  if (forced != policy_.forced_layers.end()) return {forced->second, ExitReason::forced};
  const auto& exits = model_->exit_layers();
  const int deepest = deepest_allowed_exit(policy_, exits);
  switch (policy_.criterion) {
    case Criterion::fixed_exit:
      return {policy_.fixed_layer.value_or(deepest), ExitReason::fixed};
    case Criterion::time_step: {
      const auto index = std::min(static_cast<std::size_t>(steps_ / policy_.steps_per_exit), exits.size() - 1);
      return {std::min(exits[index], deepest), ExitReason::scheduled};
    }
    default:
      break;
  }
  if (steps_ % policy_.steps_per_stage != 0 && held_layer_) {
    const auto it = std::find_if(exits.begin(), exits.end(), [&](int layer) { return layer >= *held_layer_; });
    return {std::min(it == exits.end() ? exits.back() : *it, deepest), ExitReason::held};
  }
  return probe_until_exit(features, record);
}

FrameRecord Rollout::step(FeatureSource& features, RunMode mode, std::int64_t frame) {
  const auto start = Clock::now();
  const c10::NoGradGuard no_grad;
  const auto& exits = model_->exit_layers();
  if (policy_.refresh_every > 0 && steps_ > 0 && steps_ % policy_.refresh_every == 0) state_ = {};

  FrameRecord record;
  const bool repeats = repeats_next();
  Decision decision;
  if (repeats) {
    decision = {last_->exit_layer, ExitReason::repeated};
  } else {
    decision = decide(features, record, frame);
  }
  RecurrentState next = state_;
  if (repeats) {
    record.arm = last_->arm;
    record.gripper_probability = last_->gripper_probability;
    record.gripper_logit = last_->gripper_logit;
    record.command = last_->command;
  } else {
    const auto feature = features.pooled(decision.layer);
    auto out = head_for(decision.layer)->step(feature, state_);
    next = std::move(out.state);
    record.arm = to_arm(out.arm);
    record.gripper_probability = out.gripper_probability.item<float>();
    record.gripper_logit = out.gripper_logit.item<float>();
    if (record.exits.empty() && mode == RunMode::policy) {
      // Nothing was probed: keep at least the feature that was used.
      ExitProbe taken;
      taken.layer = decision.layer;
      taken.feature = to_floats(feature);
      taken.arm = record.arm;
      taken.gripper_probability = record.gripper_probability;
      taken.gripper_logit = record.gripper_logit;
      taken.evaluated_by_policy = true;
      record.exits.push_back(std::move(taken));
    }
  }
  record.step = steps_;
  record.mode = mode;
  record.exit_layer = decision.layer;
  record.reason = decision.reason;
  const auto place = std::find(exits.begin(), exits.end(), decision.layer);
  record.exit_index = place == exits.end() ? -1 : static_cast<int>(place - exits.begin());
  if (!repeats) make_command(record);
  if (mode == RunMode::probe) {
    const bool was_probed = !record.exits.empty();
    for (std::size_t i = record.exits.size(); i < exits.size(); ++i) probe_next(features, record, i, false);
    if (!was_probed && !repeats) {
      for (auto& probed : record.exits) probed.evaluated_by_policy = probed.layer == decision.layer;
    }
  }

  // From here on nothing throws: the state moves as a whole.
  state_ = std::move(next);
  if (!repeats) held_layer_ = decision.layer;
  ++steps_;
  record.times.head_ms = milliseconds_since(start);
  if (policy_.executions > 1) {
    if (!repeats) last_ = record;
  } else {
    last_.reset();
  }
  return record;
}

void Rollout::make_command(FrameRecord& record) const {
  auto arm = record.arm;
  float probability = record.gripper_probability;
  if (policy_.action_ensemble && record.exits.size() >= 2 && policy_.criterion != Criterion::fixed_exit) {
    const auto& last = record.exits[record.exits.size() - 1];
    const auto& before = record.exits[record.exits.size() - 2];
    for (std::size_t i = 0; i < arm.size(); ++i) arm[i] = (last.arm[i] + before.arm[i]) / 2;
    probability = (last.gripper_probability + before.gripper_probability) / 2;
  } else if (policy_.action_ensemble && record.exits.size() == 1) {
    arm = record.exits[0].arm;
    probability = record.exits[0].gripper_probability;
  }
  for (std::size_t i = 0; i < arm.size(); ++i) record.command[i] = static_cast<float>(c10::Half(arm[i]));
  record.command[6] = probability > 0.5F ? 1.0F : -1.0F;
}

}  // namespace deer
