// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/policy_json.h"

#include <climits>

#include "core/base/error.h"

namespace deer {
namespace {

Json or_null(const std::optional<int>& value) { return value ? Json(*value) : Json(nullptr); }

int whole(const JsonFields& fields, const char* key, int fallback) {
  return fields.has(key) ? static_cast<int>(fields.integer_in(key, INT_MIN, INT_MAX)) : fallback;
}

std::optional<int> optional_whole(const JsonFields& fields, const char* key) {
  if (!fields.has(key)) return std::nullopt;
  return whole(fields, key, 0);
}

}  // namespace

Json policy_to_json(const ExitPolicy& policy) {
  Json forced = Json::array();
  for (const auto& [frame, layer] : policy.forced_layers) forced.push_back({frame, layer});
  return {{"criterion", to_string(policy.criterion)}, {"delta_type", to_string(policy.delta_type)},
          {"thresholds", policy.thresholds},          {"leave_above", !policy.leq},
          {"max_layer", or_null(policy.max_layer)},   {"fixed_layer", or_null(policy.fixed_layer)},
          {"own_head", policy.use_own_head},          {"steps_per_stage", policy.steps_per_stage},
          {"steps_per_exit", policy.steps_per_exit},  {"ensemble", policy.action_ensemble},
          {"executions", policy.executions},          {"refresh_every", policy.refresh_every},
          {"forced_layers", std::move(forced)}};
}

ExitPolicy policy_from_json(const std::filesystem::path& file, const Json& json) {
  const JsonFields fields(file, json, "policy");
  ExitPolicy policy;
  try {
    policy.criterion = parse_criterion(fields.text("criterion", std::string(to_string(policy.criterion))));
    policy.delta_type = parse_delta_type(fields.text("delta_type", std::string(to_string(policy.delta_type))));
  } catch (const FileError&) {
    throw;
  } catch (const Error& error) {
    throw FileError(file, error.what());
  }
  if (fields.has("thresholds")) policy.thresholds = fields.numbers("thresholds");
  policy.leq = !fields.boolean("leave_above", false);
  policy.max_layer = optional_whole(fields, "max_layer");
  policy.fixed_layer = optional_whole(fields, "fixed_layer");
  policy.use_own_head = fields.boolean("own_head", false);
  policy.steps_per_stage = whole(fields, "steps_per_stage", policy.steps_per_stage);
  policy.steps_per_exit = whole(fields, "steps_per_exit", policy.steps_per_exit);
  policy.action_ensemble = fields.boolean("ensemble", false);
  policy.executions = whole(fields, "executions", policy.executions);
  policy.refresh_every = whole(fields, "refresh_every", policy.refresh_every);
  if (fields.has("forced_layers")) {
    for (const auto& pair : json.at("forced_layers")) {
      const bool fits =
          pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() && pair[1].is_number_integer();
      if (!fits) fields.fail("forced_layers", "a list of [frame, layer]");
      policy.forced_layers[pair[0].get<std::int64_t>()] = pair[1].get<int>();
    }
  }
  return policy;
}

}  // namespace deer
