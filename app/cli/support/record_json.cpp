// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/record_json.h"

#include <cmath>

namespace deer::cli {
namespace {

Json number(float value) { return std::isnan(value) ? Json(nullptr) : Json(value); }

// An action; DeeR's gripper is a field of its own. A chunk is a list of steps.
Json action_json(const ActionLayout& layout, const ActionValues& action) {
  const std::vector<float> values(action.begin(), action.end());
  if (layout.is_deer()) return Json(std::vector<float>(values.begin(), values.begin() + 6));
  if (layout.steps() == 1) return values;
  auto steps = Json::array();
  for (std::size_t first = 0; first < values.size(); first += layout.width()) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
    steps.push_back(std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(layout.width())));
  }
  return steps;
}

}  // namespace

Json to_json(const FrameRecord& record, const Observation& observation, const std::string& instruction) {
  const auto& layout = *record.layout;
  Json exits = Json::array();
  for (const auto& probe : record.exits) {
    Json entry = {{"layer", probe.layer},
                  {"delta", number(probe.delta)},
                  {"threshold", number(probe.threshold)},
                  {"action", action_json(layout, probe.action)},
                  {"by_policy", probe.evaluated_by_policy}};
    if (layout.is_deer()) entry["gripper_probability"] = probe.gripper_probability();
    exits.push_back(std::move(entry));
  }
  const auto& t = record.times;
  const auto recorded = recorded_action(observation);
  Json out = {{"frame", record.frame},
              {"frame_id", observation.frame_id},
              {"instruction", instruction},
              {"step", record.step},
              {"exit_layer", record.exit_layer},
              {"exit_index", record.exit_index},
              {"depth", record.depth()},
              {"reason", to_string(record.reason)},
              {"exits", exits},
              {"action", action_json(layout, record.action)},
              {"command", layout.is_deer() ? Json(std::vector<float>(record.command.begin(), record.command.end()))
                                           : action_json(layout, record.command)},
              {"recorded_action",
               recorded.empty() ? Json(nullptr) : Json(std::vector<double>(recorded.begin(), recorded.end()))},
              {"times_ms",
               {{"preprocess", t.preprocess_ms},
                {"vision", t.vision_ms},
                {"resampler", t.resampler_ms},
                {"llm", t.llm_ms},
                {"head", t.head_ms},
                {"total", t.total_ms()}}}};
  if (t.reused_pictures > 0) out["times_ms"]["reused_pictures"] = t.reused_pictures;
  if (layout.is_deer()) {
    out["gripper_probability"] = record.gripper_probability();
    out["gripper_logit"] = record.gripper_logit;
  }
  return out;
}

}  // namespace deer::cli
