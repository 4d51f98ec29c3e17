// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/frame_steps.h"

#include <algorithm>

#include "core/budget/exit_costs.h"
#include "core/exits/criterion.h"
#include "core/exits/decision.h"
#include "core/exits/feature_similarity.h"

namespace deer {
namespace {

ExitDecision decision_at(const FrameRecord& record, const ExitPolicy& policy, int layer) {
  if (layer == record.exit_layer) return ExitDecision::left;
  if (policy.max_layer && layer >= *policy.max_layer) return ExitDecision::beyond;
  if (layer > record.exit_layer) return ExitDecision::not_reached;
  const auto* const probe = record.probe_at(layer);
  return probe && probe->evaluated_by_policy ? ExitDecision::went_on : ExitDecision::passed;
}

/// Runs of the action head when the model stops at exit `index`, under a policy that evaluates every exit or none.
int runs_until(const FrameRecord& record, int index) { return head_runs(record) > 1 ? head_runs_at(index) : 1; }

void add_time(const FrameRecord& record, FrameStep& step) {
  const auto& times = record.times;
  // A replay runs only the action head: the frame's time is unknown.
  if (record.reason == ExitReason::repeated || times.llm_ms <= 0) return;
  const auto& deepest = record.exits.back();
  step.ms_measured = record.mode == RunMode::policy && step.layer == record.exit_layer;
  if (step.ms_measured) {
    step.total_ms = times.total_ms();
    return;
  }
  if (step.layer > deepest.layer) return;
  const double layers = static_cast<double>(step.layer + 1) / (deepest.layer + 1);
  // A probe run evaluates every exit; a policy run those the policy needs.
  const int all = record.mode == RunMode::probe ? head_runs_at(static_cast<int>(record.exits.size()) - 1)
                                                : std::max(1, head_runs(record));
  const double heads = std::min(1.0, static_cast<double>(runs_until(record, step.exit_index)) / all);
  step.total_ms =
      times.preprocess_ms + times.vision_ms + times.resampler_ms + layers * times.llm_ms + heads * times.head_ms;
}

bool turns_gripper(const ActionLayout& layout, const ActionValues& from, const ActionValues& to) {
  return std::any_of(layout.grippers().begin(), layout.grippers().end(), [&](std::size_t gripper) {
    return layout.opens(gripper, static_cast<double>(from[gripper])) !=
           layout.opens(gripper, static_cast<double>(to[gripper]));
  });
}

}  // namespace

std::vector<FrameStep> frame_steps(const FrameRecord& record, std::span<const int> exit_layers,
                                   const ExitPolicy& policy, const CostModel* costs) {
  std::vector<FrameStep> steps;
  const ExitProbe* before = record.predecessor.feature.empty() ? nullptr : &record.predecessor;
  for (std::size_t index = 0; index < exit_layers.size(); ++index) {
    FrameStep step;
    step.exit_index = static_cast<int>(index);
    step.layer = exit_layers[index];
    step.decision = decision_at(record, policy, step.layer);
    step.forced = step.decision == ExitDecision::left && record.reason == ExitReason::forced;
    const auto* const probe = record.probe_at(step.layer);
    if (probe) {
      step.evaluated = true;
      step.action = probe->action;
      step.delta = static_cast<double>(probe->delta);
      if (before) step.change = relative_change(before->feature, probe->feature);
      const auto* const next = index + 1 < exit_layers.size() ? record.probe_at(exit_layers[index + 1]) : nullptr;
      if (next) {
        step.next_difference =
            static_cast<double>(action_delta(DeltaType::l2, *record.layout, probe->action, next->action));
        step.next_turns_gripper = turns_gripper(*record.layout, probe->action, next->action);
      }
    }
    if (compares(policy)) step.threshold = static_cast<double>(threshold_at(policy, index));
    if (costs && record.reason != ExitReason::repeated && record.prompt_tokens > 0) {
      step.llm_gflops = costs->llm_gflops(step.layer, record.prompt_tokens);
      const int runs = runs_until(record, step.exit_index);
      step.total_gflops =
          costs->total_gflops(step.layer, record.prompt_tokens, runs, runs > 1 ? step.exit_index + 1 : 0);
    }
    if (!record.exits.empty()) add_time(record, step);
    steps.push_back(step);
    before = probe;
  }
  return steps;
}

}  // namespace deer
