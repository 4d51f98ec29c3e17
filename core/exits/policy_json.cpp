// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/policy_json.h"

#include <cstdint>
#include <map>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr std::int64_t kMost = 1'000'000;  // steps, layers, repetitions

Json or_null(const std::optional<int>& value) { return value ? Json(*value) : Json(nullptr); }

int whole(const JsonFields& fields, const char* key, int fallback, std::int64_t least) {
  return fields.has(key) ? static_cast<int>(fields.integer_in(key, least, kMost)) : fallback;
}

std::optional<int> optional_whole(const JsonFields& fields, const char* key, std::int64_t least) {
  if (!fields.has(key)) return std::nullopt;
  return whole(fields, key, 0, least);
}

std::map<std::int64_t, int> read_forced_layers(const JsonFields& fields) {
  constexpr const char* kKey = "forced_layers";
  std::map<std::int64_t, int> out;
  if (!fields.has(kKey)) return out;
  const auto& json = fields.json().at(kKey);
  if (!json.is_array()) fields.fail(kKey, "a list of [frame, layer]");
  for (const auto& pair : json) {
    const bool fits = pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() && pair[1].is_number_integer();
    if (!fits) fields.fail(kKey, "a list of [frame, layer]");
    out[pair[0].get<std::int64_t>()] = pair[1].get<int>();
  }
  return out;
}

}  // namespace

Json policy_to_json(const ExitPolicy& policy) {
  Json out = {{"criterion", to_string(policy.criterion)}, {"delta_type", to_string(policy.delta_type)},
              {"thresholds", policy.thresholds},          {"leave_above", !policy.leq},
              {"max_layer", or_null(policy.max_layer)},   {"fixed_layer", or_null(policy.fixed_layer)},
              {"own_head", policy.use_own_head},          {"steps_per_stage", policy.steps_per_stage},
              {"steps_per_exit", policy.steps_per_exit},  {"ensemble", policy.action_ensemble},
              {"executions", policy.executions},          {"refresh_every", policy.refresh_every}};
  if (!policy.forced_layers.empty()) {
    auto& forced = out["forced_layers"] = Json::array();
    for (const auto& [frame, layer] : policy.forced_layers) forced.push_back({frame, layer});
  }
  if (!policy.gate.empty()) out["gate"] = to_json(policy.gate);
  return out;
}

GateReference gate_from_json(const JsonFields& fields) {
  GateReference out;
  if (!fields.has("gate")) return out;
  const auto gate = fields.object("gate");
  out.path = gate.text("path", "");
  out.fingerprint = gate.text("fingerprint", "");
  return out;
}

Json to_json(const GateReference& gate) { return {{"path", gate.path}, {"fingerprint", gate.fingerprint}}; }

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
  policy.max_layer = optional_whole(fields, "max_layer", 1);
  policy.fixed_layer = optional_whole(fields, "fixed_layer", 0);
  policy.use_own_head = fields.boolean("own_head", false);
  policy.steps_per_stage = whole(fields, "steps_per_stage", policy.steps_per_stage, 1);
  policy.steps_per_exit = whole(fields, "steps_per_exit", policy.steps_per_exit, 1);
  // Saved sessions and copied policies of earlier versions name it in full.
  policy.action_ensemble = fields.boolean("ensemble", fields.boolean("action_ensemble", false));
  policy.executions = whole(fields, "executions", policy.executions, 1);
  policy.refresh_every = whole(fields, "refresh_every", policy.refresh_every, 0);
  policy.forced_layers = read_forced_layers(fields);
  policy.gate = gate_from_json(fields);
  return policy;
}

std::string policy_as_text(const ExitPolicy& policy) { return policy_to_json(policy).dump(2); }

ExitPolicy policy_from_text(std::string_view text) {
  const std::filesystem::path name = "the policy";
  return policy_from_json(name, parse_json(text, name));
}

}  // namespace deer
