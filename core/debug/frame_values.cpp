// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/debug/frame_values.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>

#include "core/exits/exit_policy.h"
#include "core/exits/policy_summary.h"

namespace deer {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr int kExitsWithoutModel = 32;  // so that expressions written for a model are not refused while none is open

enum Place {
  kFrame,
  kStep,
  kDepth,
  kExit,
  kDelta,
  kThreshold,
  kMargin,
  kClosest,
  kDisagreement,
  kRegret,
  kGripper,
  kGripperFlip,
  kExitChange,
  kForced,
  kLatency,
  kVision,
  kLlm,
  kHead,
  kLlmGflops,
  kTokens,
  kPlaces,
};

bool is_limit(float threshold) {
  return !std::isnan(threshold) && threshold < static_cast<float>(kAlwaysLeave) &&
         threshold > static_cast<float>(kNeverLeave);
}

double limit_or_none(float threshold) { return is_limit(threshold) ? static_cast<double>(threshold) : kNone; }

// As expressions can name it.
std::string as_identifier(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (kept) {
      out += c;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  const bool is_letter = !out.empty() && !(out[0] >= '0' && out[0] <= '9');
  return is_letter ? out : "action_" + out;
}

bool is_exit_value(const std::string& name) {
  for (const std::string_view prefix : {"delta", "threshold"}) {
    if (name.size() > prefix.size() && name.starts_with(prefix) &&
        name.find_first_not_of("0123456789", prefix.size()) == std::string::npos) {
      return true;
    }
  }
  return false;
}

std::vector<std::string> names_of(const FrameFacts& facts) {
  std::vector<std::string> names;
  for (const auto& info : FrameValues::infos()) names.push_back(info.name);
  const auto exits = facts.exit_layers.empty() ? kExitsWithoutModel : static_cast<int>(facts.exit_layers.size());
  for (int i = 1; i <= exits; ++i) {
    names.push_back("delta" + std::to_string(i));
    names.push_back("threshold" + std::to_string(i));
  }
  for (const auto& info : FrameValues::dimension_infos(*facts.layout)) names.push_back(info.name);
  return names;
}

}  // namespace

double action_distance(const ActionLayout& layout, const ActionValues& a, const ActionValues& b) {
  if (a.size() != layout.size() || b.size() != layout.size()) return kNone;
  double sum = 0;
  for (const auto place : layout.compared()) {
    const double difference = static_cast<double>(a[place]) - static_cast<double>(b[place]);
    sum += difference * difference;
  }
  return std::sqrt(sum / static_cast<double>(layout.compared().size()));
}

double regret(const FrameRecord& record) {
  if (record.exits.empty()) return kNone;
  const auto& deepest = record.exits.back();
  if (record.mode == RunMode::policy && deepest.layer <= record.exit_layer) return kNone;
  return action_distance(*record.layout, executed_action(record), deepest.action);
}

double closest_share(const FrameRecord& record) {
  double closest = kNone;
  for (const auto& probe : record.exits) {
    if (!probe.evaluated_by_policy || std::isnan(probe.delta) || !is_limit(probe.threshold)) continue;
    const double share = std::abs(static_cast<double>(probe.delta) - static_cast<double>(probe.threshold)) /
                         std::abs(static_cast<double>(probe.threshold));
    if (!(closest <= share)) closest = share;
  }
  return closest;
}

const std::vector<FrameValueInfo>& FrameValues::infos() {
  static const std::vector<FrameValueInfo> table = {
      {"frame", "frame number, from 0"},
      {"step", "steps since the history was reset"},
      {"depth", "layers run"},
      {"exit", "number of the exit taken, from 1; 0 for a layer that is not an exit"},
      {"delta", "delta of the exit taken, from the previous exit"},
      {"threshold", "threshold of the exit taken"},
      {"margin", "threshold minus delta at the exit taken"},
      {"closest", "smallest distance between a delta and its threshold, relative to the threshold"},
      {"disagreement", "largest distance between an exit's action and the deepest exit's"},
      {"regret", "distance between the executed action and the deepest exit's"},
      {"gripper", "predicted probability of opening; in other layouts the value of the first gripper"},
      {"gripper_flip", "1 where the gripper's command changes"},
      {"exit_change", "1 where the exit taken changes"},
      {"forced", "1 where the exit is forced"},
      {"latency_ms", "milliseconds of the whole step"},
      {"vision_ms", "milliseconds of the image tower and the resampler"},
      {"llm_ms", "milliseconds of the language model"},
      {"head_ms", "milliseconds of the action head"},
      {"llm_gflops", "GFLOPs of the language model, multiply-add = 1"},
      {"tokens", "prompt length in tokens"},
  };
  return table;
}

std::vector<FrameValueInfo> FrameValues::dimension_infos(const ActionLayout& layout) {
  // Words and functions of expressions.
  std::set<std::string> taken{"and",  "or",   "not",   "abs",  "min",  "max",   "sum",   "avg",   "sqrt", "sign",
                              "rint", "exp",  "ln",    "log",  "log2", "log10", "sin",   "cos",   "tan",  "asin",
                              "acos", "atan", "atan2", "sinh", "cosh", "tanh",  "asinh", "acosh", "atanh"};
  for (const auto& info : infos()) taken.insert(info.name);
  std::vector<FrameValueInfo> out;
  for (const auto& dimension : layout.dimensions()) {
    auto name = as_identifier(dimension.name);
    if (taken.contains(name) || is_exit_value(name)) name = "action_" + name;
    const auto plain = name;
    for (int number = 2; taken.contains(name); ++number) name = plain + "_" + std::to_string(number);
    taken.insert(name);
    out.push_back({name, "executed " + dimension.name + (dimension.unit.empty() ? "" : ", " + dimension.unit) +
                             (layout.steps() > 1 ? ", first step of the chunk" : "")});
  }
  return out;
}

FrameValues::FrameValues(FrameFacts facts)
    : facts_(std::move(facts)), variables_(std::make_shared<Variables>(names_of(facts_))) {
  if (facts_.config) cost_.emplace(*facts_.config);
}

double FrameValues::llm_gflops(const FrameRecord& record) {
  if (record.reason == ExitReason::repeated) return 0;
  if (!cost_ || record.prompt_tokens <= 0 || record.exit_layer < 0) return kNone;
  if (gflops_tokens_ != record.prompt_tokens) {
    gflops_tokens_ = record.prompt_tokens;
    gflops_.clear();
  }
  const auto layer = static_cast<std::size_t>(record.exit_layer);
  if (layer >= gflops_.size()) gflops_.resize(layer + 1, -1);
  if (gflops_[layer] < 0) {
    try {
      gflops_[layer] = cost_->llm_gflops(record.exit_layer, record.prompt_tokens);
    } catch (const Error&) {
      return kNone;  // a layer that is not in the configuration
    }
  }
  return gflops_[layer];
}

void FrameValues::set(const FrameRecord& record, const FrameRecord* before) {
  const auto values = variables_->values();
  std::fill(values.begin(), values.end(), kNone);
  values[kFrame] = static_cast<double>(record.frame);
  values[kStep] = record.step;
  values[kDepth] = record.depth();
  values[kExit] = record.exit_index + 1;
  if (const auto* const taken = record.probe_at(record.exit_layer)) {
    values[kDelta] = taken->delta;
    values[kThreshold] = limit_or_none(taken->threshold);
    values[kMargin] = values[kThreshold] - values[kDelta];
  }
  values[kClosest] = closest_share(record);
  if (!record.exits.empty()) {
    double largest = 0;
    for (const auto& probe : record.exits) {
      largest = std::max(largest, action_distance(*record.layout, probe.action, record.exits.back().action));
    }
    values[kDisagreement] = largest;
  }
  values[kRegret] = regret(record);
  const auto& layout = *facts_.layout;
  const bool fits = record.action.size() == layout.size();
  if (fits && !layout.grippers().empty()) values[kGripper] = record.action[layout.grippers().front()];
  values[kGripperFlip] = before && record.turns_gripper(*before) ? 1 : 0;
  values[kExitChange] = before && before->exit_layer != record.exit_layer ? 1 : 0;
  values[kForced] = record.reason == ExitReason::forced ? 1 : 0;
  values[kLatency] = record.times.total_ms();
  values[kVision] = record.times.vision_ms + record.times.resampler_ms;
  values[kLlm] = record.times.llm_ms;
  values[kHead] = record.times.head_ms;
  values[kLlmGflops] = llm_gflops(record);
  values[kTokens] = record.prompt_tokens;
  const auto& layers = facts_.exit_layers;
  for (const auto& probe : record.exits) {
    const auto place = std::find(layers.begin(), layers.end(), probe.layer);
    if (place == layers.end()) continue;
    const auto at = static_cast<std::size_t>(kPlaces) + 2 * static_cast<std::size_t>(place - layers.begin());
    values[at] = probe.delta;
    values[at + 1] = limit_or_none(probe.threshold);
  }
  if (!fits) return;
  const auto first = values.size() - layout.width();
  const auto action = executed_action(record);
  for (std::size_t i = 0; i < layout.width(); ++i) {
    values[first + i] = static_cast<double>(action[i]) * layout.dimensions()[i].scale;
  }
}

}  // namespace deer
