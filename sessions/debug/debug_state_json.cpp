// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/debug/debug_state_json.h"

#include <algorithm>

namespace deer {

Json to_json(const DebugState& state) {
  Json json = {{"breakpoints", Json::array()}, {"watches", Json::array()}, {"bookmarks", Json::object()}};
  for (const auto& one : state.breakpoints) {
    json["breakpoints"].push_back({{"condition", one.condition.toStdString()}, {"enabled", one.enabled}});
  }
  for (const auto& watch : state.watches) json["watches"].push_back(watch.toStdString());
  for (const auto& [episode, frames] : state.bookmarks) json["bookmarks"][episode.toStdString()] = frames;
  return json;
}

DebugState debug_state_from_json(const JsonFields& fields) {
  DebugState state;
  const auto full = [](const auto& list) { return list.size() >= DebugState::kMostEntries; };
  const auto list = [&](const char* key) -> const Json& {
    const auto& json = fields.json()[key];
    if (!json.is_array()) fields.fail(key, "an array");
    return json;
  };
  if (fields.has("breakpoints")) {
    for (const auto& one : list("breakpoints")) {
      const bool fits = one.is_object() && one.contains("condition") && one["condition"].is_string();
      if (!fits) fields.fail("breakpoints", "objects with a condition");
      const auto enabled = one.find("enabled");
      if (full(state.breakpoints)) break;
      state.breakpoints.push_back({QString::fromStdString(one["condition"].get<std::string>()),
                                   enabled == one.end() || !enabled->is_boolean() || enabled->get<bool>()});
    }
  }
  if (fields.has("watches")) {
    for (const auto& one : list("watches")) {
      if (!one.is_string()) fields.fail("watches", "texts");
      if (full(state.watches)) break;
      state.watches << QString::fromStdString(one.get<std::string>());
    }
  }
  if (fields.has("bookmarks")) {
    const auto& json = fields.json()["bookmarks"];
    if (!json.is_object()) fields.fail("bookmarks", "an object");
    for (const auto& [episode, frames] : json.items()) {
      if (!frames.is_array() || full(state.bookmarks)) continue;
      auto& marks = state.bookmarks[QString::fromStdString(episode)];
      for (const auto& frame : frames) {
        if (frame.is_number_integer() && frame.get<std::int64_t>() >= 0) marks.push_back(frame.get<std::int64_t>());
      }
    }
  }
  return state;
}

}  // namespace deer
