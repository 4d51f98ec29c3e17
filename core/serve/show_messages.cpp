// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/show_messages.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/exits/policy_json.h"

namespace deer::serve {
namespace {

ActionLayoutPtr to_layout(const wire::ShownRun& message) {
  if (message.dimensions().empty()) return ActionLayout::deer();
  std::vector<ActionDimension> dimensions;
  for (const auto& one : message.dimensions()) {
    const auto kind = dimension_kind(one.kind());
    if (!kind) throw Error("run.dimensions.kind: found '" + printable(one.kind()) + "', expected a kind of dimension");
    dimensions.push_back({one.name(), one.unit(), *kind, one.scale(), one.opens_above()});
  }
  if (message.action_steps() < 1) {
    throw Error("run.action_steps: found " + std::to_string(message.action_steps()) + ", expected at least 1");
  }
  return std::make_shared<const ActionLayout>(std::move(dimensions), static_cast<std::size_t>(message.action_steps()));
}

template <std::size_t kCount>
std::optional<std::array<double, kCount>> to_array(const google::protobuf::RepeatedField<double>& values,
                                                   const char* field) {
  if (values.empty()) return std::nullopt;
  const auto is_number = [](double value) { return std::isfinite(value); };
  if (values.size() != static_cast<int>(kCount) || !std::all_of(values.begin(), values.end(), is_number)) {
    throw Error(std::string(field) + ": found " + std::to_string(values.size()) +
                " numbers, or not numbers, expected " + std::to_string(kCount));
  }
  std::array<double, kCount> out{};
  std::copy(values.begin(), values.end(), out.begin());
  return out;
}

}  // namespace

ShownRunPtr to_run(const wire::ShownRun& message) {
  constexpr int kMostExits = 256;
  if (message.protocol() != kProtocol) {
    throw Error("run.protocol: found " + std::to_string(message.protocol()) + ", expected " +
                std::to_string(kProtocol) + ": the programs are of different versions");
  }
  if (message.exit_layers_size() > kMostExits) {
    throw Error("run.exit_layers: found " + std::to_string(message.exit_layers_size()) + ", expected at most " +
                std::to_string(kMostExits));
  }
  wire::DescribeReply described;
  described.set_name(message.name());
  described.set_family(message.family());
  *described.mutable_exit_layers() = message.exit_layers();
  described.set_layers(message.layers());
  described.set_d_model(std::max(1, message.d_model()));
  described.set_image_size(1);
  described.set_device(message.device());
  described.set_dtype(message.dtype());
  auto summary = to_summary(described);
  summary.d_model = message.d_model();
  summary.image_size = 0;
  summary.layout = to_layout(message);
  auto policy = message.policy().empty() ? ExitPolicy() : to_policy(message.policy());
  if (policy.thresholds.empty()) {
    policy.thresholds.assign(summary.exit_layers.size(), kNeverLeave);
    policy.thresholds.back() = kAlwaysLeave;
  }
  return std::make_shared<ShownRun>(std::move(summary), std::move(policy));
}

Observation to_observation(const wire::Observation& message, const std::string& field) {
  Observation out;
  const auto named = [&](const char* name) { return field + "." + name; };
  out.frame_id = message.frame();
  if (message.has_rgb_static()) out.rgb_static = to_image(message.rgb_static(), named("rgb_static").c_str());
  if (message.has_rgb_gripper()) out.rgb_gripper = to_image(message.rgb_gripper(), named("rgb_gripper").c_str());
  if (message.instruction().size() > kMostInstruction) {
    throw Error(named("instruction") + ": found " + std::to_string(message.instruction().size()) +
                " bytes, expected at most " + std::to_string(kMostInstruction));
  }
  out.instruction = message.instruction();
  out.robot_obs = to_array<15>(message.robot_obs(), named("robot_obs").c_str());
  out.scene_obs = to_array<24>(message.scene_obs(), named("scene_obs").c_str());
  return out;
}

ShownRun::Frame to_frame(const wire::ShownFrame& message, const ModelSummary& summary, double timestamp_s) {
  auto observation = std::make_shared<Observation>(to_observation(message.observation(), "frame.observation"));
  observation->timestamp_s = timestamp_s;
  observation->starts_episode = message.starts_episode();
  if (!message.recorded_action().empty()) {
    if (summary.layout->is_deer()) {
      observation->rel_action = to_array<7>(message.recorded_action(), "frame.recorded_action");
    } else {
      const auto& action = message.recorded_action();
      if (static_cast<std::size_t>(action.size()) != summary.layout->width()) {
        throw Error("frame.recorded_action: found " + std::to_string(action.size()) + " numbers, expected " +
                    std::to_string(summary.layout->width()));
      }
      observation->other_action.assign(action.begin(), action.end());
    }
  }
  auto record = std::make_shared<FrameRecord>(to_record(message.result(), summary.layout));
  const auto& exits = summary.exit_layers;
  for (const auto& probe : record->exits) {
    if (std::find(exits.begin(), exits.end(), probe.layer) == exits.end()) {
      throw Error("frame.result.exits.layer: found " + std::to_string(probe.layer) + ", expected an exit of the run");
    }
    if (!probe.feature.empty() && static_cast<int>(probe.feature.size()) != summary.d_model) {
      throw Error("frame.result.exits.feature: found " + std::to_string(probe.feature.size()) + " numbers, expected " +
                  std::to_string(summary.d_model));
    }
  }
  if (record->exit_layer >= summary.layers || record->exit_index >= static_cast<int>(exits.size())) {
    throw Error("frame.result.exit_layer: found " + std::to_string(record->exit_layer) + ", expected a layer of the " +
                std::to_string(summary.layers) + " there are");
  }
  return {std::move(observation), std::move(record)};
}

}  // namespace deer::serve
