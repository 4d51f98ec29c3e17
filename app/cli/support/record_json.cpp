// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/record_json.h"

#include <cmath>

namespace deer::cli {
namespace {

Json number(float value) { return std::isnan(value) ? Json(nullptr) : Json(value); }

}  // namespace

Json to_json(const FrameRecord& record, const Observation& observation, const std::string& instruction) {
  Json exits = Json::array();
  for (const auto& probe : record.exits) {
    exits.push_back({{"layer", probe.layer},
                     {"delta", number(probe.delta)},
                     {"threshold", number(probe.threshold)},
                     {"action", probe.arm},
                     {"gripper_probability", probe.gripper_probability},
                     {"by_policy", probe.evaluated_by_policy}});
  }
  const auto& t = record.times;
  return {{"frame", record.frame},
          {"frame_id", observation.frame_id},
          {"instruction", instruction},
          {"step", record.step},
          {"exit_layer", record.exit_layer},
          {"exit_index", record.exit_index},
          {"depth", record.depth()},
          {"reason", to_string(record.reason)},
          {"exits", exits},
          {"action", record.arm},
          {"gripper_probability", record.gripper_probability},
          {"gripper_logit", record.gripper_logit},
          {"command", record.command},
          {"recorded_action", observation.rel_action ? Json(*observation.rel_action) : Json(nullptr)},
          {"times_ms",
           {{"preprocess", t.preprocess_ms},
            {"vision", t.vision_ms},
            {"resampler", t.resampler_ms},
            {"llm", t.llm_ms},
            {"head", t.head_ms},
            {"total", t.total_ms()}}}};
}

}  // namespace deer::cli
