// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/trace/trace_writer.h"

namespace deer::test {

/// Two arms of seven values each, predicted eight steps at a time.
inline ActionLayoutPtr two_arm_layout(std::size_t steps = 8) {
  std::vector<ActionDimension> dimensions;
  for (const char* side : {"left", "right"}) {
    for (const char* joint : {"waist", "shoulder", "elbow", "forearm roll", "wrist angle", "wrist turn"}) {
      dimensions.push_back({std::string(side) + " " + joint, "rad", DimensionKind::joint});
    }
    dimensions.push_back({std::string(side) + " gripper", "%", DimensionKind::gripper, 100, 0.5});
  }
  return std::make_shared<const ActionLayout>(std::move(dimensions), steps);
}

inline constexpr int kChunkExits = 10;

/// Exits after every second layer; no features, and a model that is nowhere.
inline TraceMetadata two_arm_metadata() {
  TraceMetadata m;
  m.model_name = "two-arm policy";
  m.family = "made up";
  for (int exit = 0; exit < kChunkExits; ++exit) m.exit_layers.push_back(2 * exit + 1);
  m.layers = 2 * kChunkExits;
  m.d_model = 0;
  m.layout = two_arm_layout();
  m.device = "cpu";
  m.dtype = "float32";
  m.policy = {{"criterion", "action_delta"},
              {"delta_type", "L2"},
              {"thresholds", {0.012, 0.012, 0.012, 0.012, 0.012, 0.012, 0.012, 0.012, 0.012, 1e8}}};
  m.versions = {{"deer", "test"}};
  m.created = "2026-01-02T03:04:05Z";
  return m;
}

/// What exit `exit` of frame `frame` says for a value of a step: deeper exits come closer to a smooth motion. -1: the
/// layer below the first exit.
inline float two_arm_value(std::int64_t frame, int exit, std::size_t step, std::size_t dimension) {
  const auto t = static_cast<double>(frame) + static_cast<double>(step);
  const auto d = static_cast<double>(dimension);
  const double miss = 0.12 * std::pow(0.6, exit + 1) * (1 + 0.6 * std::sin(0.3 * static_cast<double>(frame)));
  const double wrong = miss * std::cos(1.7 * d + 0.9 * exit + 0.2 * static_cast<double>(step));
  const bool is_gripper = dimension % 7 == 6;
  const double wanted = is_gripper ? 0.5 + 0.48 * std::sin(0.05 * t + (dimension > 6 ? 2 : 0))
                                   : 0.6 * std::sin(0.03 * t + 0.5 * d) + 0.1 * d / 14;
  return static_cast<float>(wanted + wrong);
}

inline ActionValues two_arm_action(const ActionLayout& layout, std::int64_t frame, int exit) {
  std::vector<float> values;
  for (std::size_t i = 0; i < layout.size(); ++i) {
    values.push_back(two_arm_value(frame, exit, i / layout.width(), i % layout.width()));
  }
  return ActionValues(values);
}

/// As TraceMetadata::policy of two_arm_metadata() decides; deltas are the root mean square over joints and steps.
inline FrameRecord two_arm_record(const TraceMetadata& m, std::int64_t frame) {
  const auto& layout = *m.layout;
  const auto delta = [&](const ActionValues& a, const ActionValues& b) {
    double squares = 0;
    for (const auto place : layout.compared()) {
      const double difference = std::abs(static_cast<double>(a[place]) - static_cast<double>(b[place]));
      squares += difference * difference;
    }
    return static_cast<float>(std::sqrt(squares / static_cast<double>(layout.compared().size())));
  };
  FrameRecord r;
  r.layout = m.layout;
  r.frame = frame;
  r.step = static_cast<int>(frame);
  r.mode = RunMode::probe;
  r.times = {0.5, 6, 1, 8 + std::sin(static_cast<double>(frame)), 0.7};
  r.predecessor.layer = m.exit_layers.front() - 1;
  r.predecessor.action = two_arm_action(layout, frame, -1);
  for (int exit = 0; exit < kChunkExits; ++exit) {
    ExitProbe p;
    p.layer = m.exit_layers[static_cast<std::size_t>(exit)];
    p.action = two_arm_action(layout, frame, exit);
    p.delta = delta(p.action, exit > 0 ? r.exits.back().action : r.predecessor.action);
    p.threshold = m.policy.at("thresholds")[static_cast<std::size_t>(exit)].get<float>();
    p.evaluated_by_policy = r.exit_index < 0;
    if (r.exit_index < 0 && p.delta <= p.threshold) {
      r.exit_index = exit;
      r.exit_layer = p.layer;
      r.reason = ExitReason::within_threshold;
    }
    r.exits.push_back(std::move(p));
  }
  r.action = r.exits[static_cast<std::size_t>(r.exit_index)].action;
  r.command = r.action;
  return r;
}

inline TraceFrame two_arm_details(std::int64_t frame) {
  TraceFrame d;
  d.frame_id = frame;
  d.instruction = frame < 60 ? "fold the towel" : "hand over the cup";
  for (std::size_t i = 0; i < 14; ++i) {
    d.recorded_action.push_back(static_cast<double>(two_arm_value(frame, 20, 0, i)));
  }
  return d;
}

/// Writes the trace: 14 values, chunks of 8 steps, 10 exits. `picture`: bytes of a JPEG for a frame, or none.
inline void write_two_arm_trace(const std::filesystem::path& file, std::int64_t frames,
                                const std::function<std::vector<std::uint8_t>(std::int64_t)>& picture = {}) {
  const auto metadata = two_arm_metadata();
  const auto writer = TraceWriter::create(file, metadata);
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    auto details = two_arm_details(frame);
    if (picture) details.thumbnail = picture(frame);
    writer->append(two_arm_record(metadata, frame), details);
  }
  writer->close();
}

}  // namespace deer::test
