// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cmath>
#include <cstring>
#include <random>

#include "core/exits/frame_record.h"
#include "core/trace/trace.h"

namespace deer::test {

inline TraceMetadata made_up_metadata(int width = 8) {
  TraceMetadata m;
  m.model_path = "models/tiny";
  m.model_name = "tiny";
  m.model_hash = "0123456789abcdef";
  m.family = "MPT-1b";
  m.exit_layers = {1, 3, 5};
  m.layers = 6;
  m.d_model = width;
  m.device = "cpu";
  m.dtype = "float32";
  m.policy = {{"criterion", "action_delta"}, {"thresholds", {0.1, 0.2, 1e8}}};
  m.versions = {{"deer", "1.2.3"}};
  m.created = "2026-01-02T03:04:05Z";
  return m;
}

/// Different for every frame; the same for the same frame.
inline FrameRecord made_up_record(std::int64_t frame, int width = 8) {
  std::mt19937 random(static_cast<unsigned>(frame));
  const auto number = [&] { return static_cast<float>(random() % 2000) / 1000.0F - 1.0F; };
  const auto action = [&] {
    std::array<float, 7> all{};
    for (auto& value : all) value = number();
    return ActionValues(all);
  };
  const auto probe = [&](int layer) {
    ExitProbe p;
    p.layer = layer;
    for (int i = 0; i < width; ++i) p.feature.push_back(number());
    p.action = action();
    p.gripper_logit = number();
    p.delta = frame % 3 == 0 ? kNotEvaluated : number();
    p.threshold = frame % 3 == 1 ? kNotEvaluated : number();
    p.evaluated_by_policy = frame % 2 == 0;
    return p;
  };
  FrameRecord r;
  r.frame = frame;
  r.step = static_cast<int>(frame % 40);
  r.prompt_tokens = 11;
  r.reason = static_cast<ExitReason>(frame % 7);
  r.times = {0.5, 1.5, 2.5, 3.5, static_cast<double>(frame)};
  // In the order that tests/data/old_trace was made in.
  std::array<float, 6> arm{};
  for (auto& value : arm) value = number();
  r.command = action();
  r.action = deer_action(arm, number());
  r.gripper_logit = number();
  if (frame % 5 == 4) {
    // Left after a layer that is no exit, without probing.
    r.exit_layer = 2;
    r.exits.push_back(probe(2));
    return r;
  }
  r.mode = RunMode::probe;
  r.exit_index = static_cast<int>(frame % 3);
  r.exit_layer = 2 * r.exit_index + 1;
  for (const int layer : {1, 3, 5}) r.exits.push_back(probe(layer));
  r.predecessor = probe(0);
  return r;
}

inline TraceFrame made_up_details(std::int64_t frame) {
  TraceFrame d;
  d.source = "data/validation";
  d.episode = static_cast<std::int32_t>(frame / 40);
  d.frame_id = 358482 + frame;
  d.instruction = "instruction " + std::to_string(frame / 40) + " ä";
  if (frame % 2 == 0) d.recorded_action = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, frame % 4 == 0 ? 1.0 : -1.0};
  d.thumbnail.assign(static_cast<std::size_t>(frame % 50), static_cast<std::uint8_t>(frame));
  return d;
}

/// Equal to the last bit, NaN included.
template <typename T>
bool same_bits(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

inline bool same_numbers(const ActionValues& a, const ActionValues& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

inline bool same(const ExitProbe& a, const ExitProbe& b) {
  return a.layer == b.layer && a.feature == b.feature && same_numbers(a.action, b.action) &&
         same_bits(a.gripper_logit, b.gripper_logit) && std::isnan(a.delta) == std::isnan(b.delta) &&
         (std::isnan(a.delta) || a.delta == b.delta) && std::isnan(a.threshold) == std::isnan(b.threshold) &&
         (std::isnan(a.threshold) || a.threshold == b.threshold) && a.evaluated_by_policy == b.evaluated_by_policy;
}

inline bool same(const StageTimes& a, const StageTimes& b) {
  const auto values = [](const StageTimes& t) {
    return std::array{t.preprocess_ms, t.vision_ms, t.resampler_ms, t.llm_ms, t.head_ms};
  };
  return same_bits(values(a), values(b));
}

inline bool same(const FrameRecord& a, const FrameRecord& b) {
  bool equal = a.frame == b.frame && a.step == b.step && a.mode == b.mode && a.prompt_tokens == b.prompt_tokens &&
               a.exit_layer == b.exit_layer && a.exit_index == b.exit_index && a.reason == b.reason &&
               a.exits.size() == b.exits.size() && same(a.predecessor, b.predecessor) &&
               same_numbers(a.action, b.action) && same_bits(a.gripper_logit, b.gripper_logit) &&
               same_numbers(a.command, b.command) && *a.layout == *b.layout && same(a.times, b.times);
  for (std::size_t i = 0; equal && i < a.exits.size(); ++i) equal = same(a.exits[i], b.exits[i]);
  return equal;
}

inline bool same(const TraceFrame& a, const TraceFrame& b) {
  return a.source == b.source && a.episode == b.episode && a.frame_id == b.frame_id && a.instruction == b.instruction &&
         a.recorded_action == b.recorded_action && a.thumbnail == b.thumbnail;
}

}  // namespace deer::test
