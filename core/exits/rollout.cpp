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

constexpr int kMostSteps = 1'000'000'000;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::vector<float> to_floats(const at::Tensor& tensor) {
  const auto plain = tensor.to(at::kCPU, at::kFloat).contiguous();
  const auto* data = plain.data_ptr<float>();
  return {data, data + plain.numel()};
}

ActionValues to_action(const HeadOutput& out) {
  const auto arm = to_floats(out.arm);
  return deer_action(std::span<const float>(arm).first<6>(), out.gripper_probability.item<float>());
}

}  // namespace

std::size_t state_size(const ActionHead& head) {
  return head.lstm().size() * static_cast<std::size_t>(head.config().hidden_size);
}

at::Tensor DecoderFeatures::pooled(int layer) {
  const auto start = Clock::now();
  auto out = pass_.pooled(layer);
  synchronize(out.device());
  milliseconds_ += milliseconds_since(start);
  return out;
}

const std::vector<float>& recorded_feature(const FrameRecord& record, int layer) {
  const ExitProbe* probe = record.probe_at(layer);
  if (probe == nullptr && record.predecessor.layer == layer) probe = &record.predecessor;
  if (probe == nullptr || probe->feature.empty()) {
    std::string there;
    for (const auto& one : record.exits) {
      if (!one.feature.empty()) there += (there.empty() ? "" : ", ") + std::to_string(one.layer);
    }
    throw Error("frame " + std::to_string(record.frame) + " was recorded without the feature of layer " +
                std::to_string(layer) + (there.empty() ? "" : ", only of layers " + there) +
                ": run the model on it again in probe mode");
  }
  return probe->feature;
}

at::Tensor RecordedFeatures::pooled(int layer) {
  const auto& feature = recorded_feature(record_, layer);
  // Uses the record's memory without owning it; the record outlives the tensor.
  auto* data = const_cast<float*>(feature.data());
  return at::from_blob(data, {1, static_cast<std::int64_t>(feature.size())}, at::kFloat).to(device_);
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
  if (policy.criterion == Criterion::learned_gate) {
    if (!policy.gate.gate) throw Error("the criterion learned_gate needs a gate, and none is loaded");
    policy.gate.gate->check_model(model_->exit_layers(), static_cast<std::size_t>(model_->config().decoder.d_model),
                                  state_size(*model_->shared_head()));
  }
  for (const auto& [frame, layer] : policy.forced_layers) {
    if (model_->shared_head() == nullptr || policy.use_own_head) {
      if (model_->head_of_layer(layer) == nullptr) {
        throw Error("frame " + std::to_string(frame) + " is forced to layer " + std::to_string(layer) +
                    ", which has no head of its own");
      }
    }
  }
  policy_ = policy;
}

void Rollout::reset() {
  state_ = {};
  steps_ = 0;
  held_layer_.reset();
  last_.reset();
}

RolloutState Rollout::snapshot() const {
  RolloutState out;
  out.steps = steps_;
  out.held_layer = held_layer_;
  if (!state_.empty()) {
    out.state_layers = static_cast<int>(state_.h.size(0));
    out.h = to_floats(state_.h);
    out.c = to_floats(state_.c);
  }
  if (last_) out.repeated = {last_->exit_layer, last_->action, last_->gripper_logit, last_->command};
  return out;
}

void Rollout::restore(const RolloutState& state) {
  if (state.steps < 0 || state.steps > kMostSteps) {
    throw Error("the rollout's state has " + std::to_string(state.steps) + " steps, expected 0 to " +
                std::to_string(kMostSteps));
  }
  const auto is_layer = [&](int layer) { return layer >= 0 && layer < model_->layers(); };
  if ((state.held_layer && !is_layer(*state.held_layer)) || (state.repeated && !is_layer(state.repeated->exit_layer))) {
    throw Error("the rollout's state names a layer that the model, of " + std::to_string(model_->layers()) +
                " layers, does not have");
  }
  const auto is_deer = [](const ActionValues& action) { return action.size() == ActionValues::kInside; };
  if (state.repeated && !(is_deer(state.repeated->action) && is_deer(state.repeated->command))) {
    throw Error("the rollout's state repeats an action of " + std::to_string(state.repeated->action.size()) +
                " numbers, expected " + std::to_string(ActionValues::kInside));
  }
  RecurrentState history;
  if (state.state_layers != 0 || !state.h.empty() || !state.c.empty()) {
    const auto* head = head_for(model_->exit_layers().back());
    const auto layers = static_cast<int>(head->lstm().size());
    const auto numbers = state_size(*head);
    if (state.state_layers != layers || state.h.size() != numbers || state.c.size() != numbers) {
      throw Error("the rollout's state has " + std::to_string(state.state_layers) + " layers, " +
                  std::to_string(state.h.size()) + " and " + std::to_string(state.c.size()) + " numbers, expected " +
                  std::to_string(layers) + " layers and " + std::to_string(numbers) + " numbers twice");
    }
    const auto is_number = [](float value) { return std::isfinite(value); };
    if (!std::all_of(state.h.begin(), state.h.end(), is_number) ||
        !std::all_of(state.c.begin(), state.c.end(), is_number)) {
      throw Error("the rollout's state holds values that are not numbers");
    }
    const auto to_tensor = [&](const std::vector<float>& values) {
      return at::tensor(values, at::kFloat).view({layers, 1, -1}).to(model_->device());
    };
    history = {to_tensor(state.h), to_tensor(state.c)};
  }
  std::optional<FrameRecord> last;
  if (state.repeated) {
    last.emplace();
    last->exit_layer = state.repeated->exit_layer;
    last->action = state.repeated->action;
    last->gripper_logit = state.repeated->gripper_logit;
    last->command = state.repeated->command;
  }
  state_ = std::move(history);
  steps_ = state.steps;
  held_layer_ = state.held_layer;
  last_ = std::move(last);
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
  probe.action = to_action(out);
  probe.gripper_logit = out.gripper_logit.item<float>();
  return probe;
}

// Probes exit index `index` and compares it with the previous exit; the first one with an extra probe of the layer just
// below.
void Rollout::probe_next(FeatureSource& features, FrameRecord& record, std::size_t index, bool by_policy,
                         std::optional<GateFrame>& gate) const {
  const auto& exits = model_->exit_layers();
  const int layer = exits[index];
  if (index == 0 && layer > 0 && head_for(layer - 1) != nullptr) record.predecessor = probe(features, layer - 1);
  auto probed = probe(features, layer);
  const ExitProbe* previous = index == 0 ? &record.predecessor : &record.exits[index - 1];
  const bool compared = !previous->feature.empty();
  if (gate) {
    const float action = compared ? action_delta(DeltaType::l2, probed.arm(), previous->arm()) : kNotEvaluated;
    const float feature = compared ? feature_distance(probed.feature, previous->feature) : kNotEvaluated;
    probed.delta = gate->next(probed.feature, action, feature).distance;
  } else if (compared) {
    probed.delta = policy_.criterion == Criterion::feature_similarity
                       ? feature_distance(probed.feature, previous->feature)
                       : action_delta(policy_.delta_type, probed.arm(), previous->arm());
  }
  probed.threshold = threshold_at(policy_, index);
  probed.evaluated_by_policy = by_policy;
  record.exits.push_back(std::move(probed));
}

// For a policy with a gate: what it knows of a frame before its first exit.
std::optional<GateFrame> Rollout::gate_frame() const {
  if (policy_.criterion != Criterion::learned_gate) return std::nullopt;
  return GateFrame(*policy_.gate.gate, state_.empty() ? std::vector<float>() : to_floats(state_.h));
}

Decision Rollout::decide(FeatureSource& features, FrameRecord& record, std::int64_t frame,
                         std::optional<GateFrame>& gate) const {
  const auto& exits = model_->exit_layers();
  if (const auto at_once = decide_at_once(policy_, exits, steps_, held_layer_, frame)) return *at_once;
  for (std::size_t i = 0; i < exits.size(); ++i) {
    probe_next(features, record, i, true, gate);
    if (const auto here = decide_at_exit(policy_, exits, i, record.exits[i].delta)) return *here;
  }
  return {exits.back(), ExitReason::deepest_allowed};
}

FrameRecord Rollout::step(FeatureSource& features, RunMode mode, std::int64_t frame) {
  // A frame that begins with a refresh starts from an empty state. The old one comes back if it fails.
  const auto before = state_;
  if (refreshes(policy_, steps_)) state_ = {};
  try {
    return step_from_state(features, mode, frame);
  } catch (...) {
    state_ = before;
    throw;
  }
}

FrameRecord Rollout::step_from_state(FeatureSource& features, RunMode mode, std::int64_t frame) {
  const auto start = Clock::now();
  const c10::NoGradGuard no_grad;
  const auto& exits = model_->exit_layers();
  FrameRecord record;
  const bool repeated = repeats_next();
  std::optional<GateFrame> gate;
  if (mode == RunMode::probe || !repeated) gate = gate_frame();
  Decision decision;
  if (repeated) {
    decision = {last_->exit_layer, ExitReason::repeated};
  } else {
    decision = decide(features, record, frame, gate);
  }
  RecurrentState next = state_;
  if (repeated) {
    record.action = last_->action;
    record.gripper_logit = last_->gripper_logit;
    record.command = last_->command;
  } else {
    const auto feature = features.pooled(decision.layer);
    auto out = head_for(decision.layer)->step(feature, state_);
    next = std::move(out.state);
    record.action = to_action(out);
    record.gripper_logit = out.gripper_logit.item<float>();
    if (record.exits.empty() && mode == RunMode::policy) {
      // Nothing was probed: store at least the feature that was used.
      ExitProbe taken;
      taken.layer = decision.layer;
      taken.feature = to_floats(feature);
      taken.action = record.action;
      taken.gripper_logit = record.gripper_logit;
      taken.evaluated_by_policy = true;
      record.exits.push_back(std::move(taken));
    }
  }
  record.step = steps_;
  record.mode = mode;
  record.exit_layer = decision.layer;
  record.reason = decision.reason;
  record.exit_index = exit_index_of(exits, decision.layer);
  if (!repeated) make_command(policy_, record);
  if (mode == RunMode::probe) {
    const bool was_probed = !record.exits.empty();
    for (std::size_t i = record.exits.size(); i < exits.size(); ++i) probe_next(features, record, i, false, gate);
    if (!was_probed && !repeated) {
      for (auto& probed : record.exits) probed.evaluated_by_policy = probed.layer == decision.layer;
    }
  }

  record.times.head_ms = milliseconds_since(start);
  auto last = policy_.executions > 1 && !repeated ? std::optional(record) : std::nullopt;
  // Nothing throws from here on, so the state is updated completely or not at all.
  state_ = std::move(next);
  if (!repeated) {
    held_layer_ = decision.layer;
    last_ = std::move(last);
  }
  ++steps_;
  return record;
}

}  // namespace deer
