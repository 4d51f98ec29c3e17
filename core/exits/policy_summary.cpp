// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/policy_summary.h"

#include <c10/util/Half.h>

#include <algorithm>
#include <cmath>

#include "core/exits/criterion.h"
#include "core/exits/decision.h"

namespace deer {
namespace {

constexpr std::size_t kMaxListed = 10'000;

Json to_json(const RunningFigure& numbers) {
  if (numbers.count == 0) return nullptr;
  return {{"mean", numbers.mean()}, {"peak", numbers.peak}, {"frames", numbers.count}};
}

bool is_close(const FrameRecord& record, double share) {
  return std::any_of(record.exits.begin(), record.exits.end(), [&](const ExitProbe& probe) {
    const double threshold = static_cast<double>(probe.threshold);
    return probe.evaluated_by_policy && std::abs(threshold) < kAlwaysLeave &&
           std::abs(static_cast<double>(probe.delta) - threshold) <= share * std::abs(threshold);
  });
}

}  // namespace

void RunningFigure::add(double value) {
  peak = count == 0 ? value : std::max(peak, value);
  sum += value;
  ++count;
}

std::array<float, 6> executed_arm(const FrameRecord& record) {
  auto out = record.arm;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (static_cast<float>(c10::Half(out[i])) != record.command[i]) out[i] = record.command[i];
  }
  return out;
}

PolicySummaryBuilder::PolicySummaryBuilder(std::vector<int> exit_layers, FrameCosts costs, double close_share)
    : costs_(std::move(costs)) {
  summary_.frames_by_exit.resize(exit_layers.size());
  summary_.exit_layers = std::move(exit_layers);
  summary_.close_share = close_share;
}

void PolicySummaryBuilder::add(const FrameRecord& record, const std::optional<std::array<double, 7>>& recorded) {
  auto& s = summary_;
  ++s.frames;
  const int index = exit_index_of(s.exit_layers, record.exit_layer);
  ++(index >= 0 ? s.frames_by_exit[static_cast<std::size_t>(index)] : s.frames_elsewhere);
  if (record.reason == ExitReason::repeated) ++s.frames_repeated;
  s.depth.add(record.depth());
  if (costs_.taken) s.cost.add(costs_.taken(record));
  if (costs_.full) s.full_cost.add(costs_.full(record));

  const auto arm = executed_arm(record);
  const bool opens = record.command[6] > 0;
  const auto* deepest = s.exit_layers.empty() ? nullptr : record.probe_at(s.exit_layers.back());
  if (deepest != nullptr) {
    s.error_to_deepest.add(static_cast<double>(action_delta(DeltaType::l2, arm, deepest->arm)));
    if (opens != (deepest->gripper_probability > 0.5F)) ++s.gripper_differs_from_deepest;
  }
  if (recorded) {
    std::array<float, 6> wanted{};
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<float>((*recorded)[i]);
    s.error_to_recorded.add(static_cast<double>(action_delta(DeltaType::l2, arm, wanted)));
    if (opens != ((*recorded)[6] > 0)) ++s.gripper_differs_from_recorded;
  }
  if (is_close(record, s.close_share)) {
    ++s.close_count;
    if (s.close_frames.size() < kMaxListed) s.close_frames.push_back(record.frame);
  }
}

Json to_json(const PolicySummary& s) {
  Json by_layer = Json::object();
  for (std::size_t i = 0; i < s.exit_layers.size(); ++i) {
    by_layer[std::to_string(s.exit_layers[i])] = s.frames_by_exit[i];
  }
  Json out = {{"frames", s.frames},
              {"frames_by_exit_layer", by_layer},
              {"frames_elsewhere", s.frames_elsewhere},
              {"frames_repeated", s.frames_repeated},
              {"depth", to_json(s.depth)},
              {"cost", to_json(s.cost)},
              {"full_cost", to_json(s.full_cost)},
              {"saving", s.full_cost.count > 0 ? Json(s.saving()) : Json(nullptr)},
              {"error_to_deepest", to_json(s.error_to_deepest)},
              {"error_to_recorded", to_json(s.error_to_recorded)},
              {"gripper_differs_from_deepest", s.gripper_differs_from_deepest},
              {"gripper_differs_from_recorded", s.gripper_differs_from_recorded},
              {"close", {{"share", s.close_share}, {"count", s.close_count}, {"frames", s.close_frames}}}};
  return out;
}

}  // namespace deer
