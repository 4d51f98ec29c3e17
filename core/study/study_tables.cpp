// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/study/study_tables.h"

#include <algorithm>
#include <cmath>

#include "core/base/number_text.h"
#include "core/base/utf8.h"
#include "core/base/version.h"

namespace deer {
namespace {

Json known(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json mean_and_margin(const SpreadFigure& figure) {
  if (figure.count == 0) return nullptr;
  return {{"mean", figure.mean}, {"margin", known(figure.margin())}, {"count", figure.count}};
}

Json figures(const PolicySummary& s) {
  return {{"frames", s.frames},
          {"mean_depth", s.frames > 0 ? Json(s.depth.mean()) : Json(nullptr)},
          {"largest_depth", s.depth.peak},
          {"frames_by_exit", s.frames_by_exit},
          {"frames_elsewhere", s.frames_elsewhere},
          {"saving_times", known(saving_times(s))},
          {"mean_distance_to_deepest", known(mean_of_all(s.distance_to_deepest, s.frames))},
          {"mean_error_to_deepest", known(mean_of_all(s.error_to_deepest, s.frames))},
          {"mean_error_to_recorded", known(mean_of_all(s.error_to_recorded, s.frames))},
          {"gripper_differs_from_deepest",
           s.error_to_deepest.count > 0 ? Json(s.gripper_differs_from_deepest) : Json(nullptr)},
          {"gripper_differs_from_recorded",
           s.error_to_recorded.count > 0 ? Json(s.gripper_differs_from_recorded) : Json(nullptr)}};
}

Json to_json(const EpisodeStudy& e) {
  auto out = figures(e.summary);
  out.update({{"trace", e.trace},
              {"first", e.first},
              {"source", valid_utf8(e.source)},
              {"source_episode", e.source_episode},
              {"first_frame_id", e.first_frame_id},
              {"task", e.task.empty() ? Json(nullptr) : Json(valid_utf8(e.task))},
              {"instruction", valid_utf8(e.instruction)},
              {"instructions", e.instructions},
              {"flips", e.flips ? Json(*e.flips) : Json(nullptr)}});
  return out;
}

Json to_json(const TaskStudy& t) {
  return {{"name", valid_utf8(t.name)},
          {"is_task", t.is_task},
          {"episodes", t.episodes},
          {"frames", t.frames},
          {"depth", mean_and_margin(t.depth)},
          {"largest_depth", t.deepest},
          {"distance_to_deepest", mean_and_margin(t.distance)},
          {"frames_by_exit", t.frames_by_exit},
          {"frames_elsewhere", t.frames_elsewhere},
          {"saving_times", known(saving_times(t.cost, t.full_cost))},
          {"gripper_differs_from_deepest", t.gripper_differs},
          {"flips", t.flips ? Json(*t.flips) : Json(nullptr)}};
}

Json to_json(const AlignedDepth& aligned) {
  Json out = {{"events", aligned.events},
              {"offset", Json::array()},
              {"mean", Json::array()},
              {"margin", Json::array()},
              {"count", Json::array()}};
  for (std::size_t i = 0; i < kAlignedOffsets; ++i) {
    const auto& depth = aligned.depth[i];
    out["offset"].push_back(static_cast<int>(i) - kAlignedReach);
    out["mean"].push_back(depth.count > 0 ? Json(depth.mean) : Json(nullptr));
    out["margin"].push_back(known(depth.margin()));
    out["count"].push_back(depth.count);
  }
  return out;
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string cell(double value) { return std::isfinite(value) ? general_text(value, 9) : std::string(); }

}  // namespace

Json to_json(const Study& study) {
  Json episodes = Json::array(), tasks = Json::array(), traces = Json::array(), matches = Json::array();
  for (const auto& one : study.episodes) episodes.push_back(to_json(one));
  for (const auto& one : by_task(study.episodes)) tasks.push_back(to_json(one));
  for (const auto& file : study.traces) traces.push_back(valid_utf8(file.string()));
  for (const auto& one : study.matches) {
    matches.push_back({{"episode", one.episode}, {"offset", one.offset}, {"frame", one.frame}, {"depth", one.depth}});
  }
  Json aligned = Json::object();
  for (std::size_t i = 0; i < kAlignedEvents; ++i) {
    aligned[to_string(static_cast<AlignedEvent>(i))] = to_json(study.aligned[i]);
  }
  auto total = figures(study.total);
  total["episodes"] = study.episodes.size();
  total["repeated_episodes"] = study.repeated;
  const auto& m = study.model;
  const auto unit = m.layout ? distance_unit(*m.layout) : std::string();
  return {{"kind", "deer study"},
          {"version", kVersion},
          {"traces", traces},
          {"model", {{"name", valid_utf8(m.model_name)}, {"hash", valid_utf8(m.model_hash)}, {"layers", m.layers}}},
          {"exit_layers", m.exit_layers},
          {"policy", m.policy},
          {"cost_unit", study.cost_unit},
          {"distance_unit", unit.empty() ? Json(nullptr) : Json(valid_utf8(unit))},
          {"margin", "half of the 95 % interval of the mean: Student's t over episodes, or over events"},
          {"headline", headline(study)},
          {"total", total},
          {"tasks", tasks},
          {"episodes", episodes},
          {"aligned", aligned},
          {"by_need",
           {{"nearest_third", mean_and_margin(study.by_need.nearest)},
            {"farthest_third", mean_and_margin(study.by_need.farthest)}}},
          {"baseline", study.baseline.empty() ? Json(nullptr)
                                              : Json{{"file", valid_utf8(study.baseline)},
                                                     {"exact", study.baseline_exact},
                                                     {"note", valid_utf8(study.baseline_note)}}},
          {"where",
           study.where.empty()
               ? Json(nullptr)
               : Json{{"expression", valid_utf8(study.where)}, {"count", study.match_count}, {"frames", matches}}}};
}

void write_csv(std::ostream& out, const Study& study) {
  const auto& m = study.model;
  const auto unit = m.layout ? distance_unit(*m.layout) : std::string();
  out << "trace,source,source_episode,first_frame_id,task,instruction,frames,mean_depth_layers,largest_depth_layers";
  for (std::size_t exit = 1; exit <= m.exit_layers.size(); ++exit) out << ",share_exit_" << exit;
  out << ",share_other,saving_times,mean_distance_to_deepest" << (unit.empty() ? "" : "_" + quoted(unit))
      << ",mean_error_to_deepest,mean_error_to_recorded,gripper_differs_from_deepest,gripper_differs_from_recorded,"
         "flips\r\n";
  for (const auto& e : study.episodes) {
    const auto& s = e.summary;
    const auto all = static_cast<double>(std::max<std::int64_t>(s.frames, 1));
    out << quoted(study.traces[e.trace].string()) << ',' << quoted(e.source) << ','
        << (e.source_episode < 0 ? "" : std::to_string(e.source_episode)) << ','
        << (e.first_frame_id < 0 ? "" : std::to_string(e.first_frame_id)) << ',' << quoted(e.task) << ','
        << quoted(e.instruction) << ',' << s.frames << ',' << cell(s.depth.mean()) << ',' << cell(s.depth.peak);
    for (const auto frames : s.frames_by_exit) out << ',' << cell(static_cast<double>(frames) / all);
    out << ',' << cell(static_cast<double>(s.frames_elsewhere) / all) << ',' << cell(saving_times(s)) << ','
        << cell(mean_of_all(s.distance_to_deepest, s.frames)) << ',' << cell(mean_of_all(s.error_to_deepest, s.frames))
        << ',' << cell(mean_of_all(s.error_to_recorded, s.frames)) << ','
        << (s.error_to_deepest.count > 0 ? std::to_string(s.gripper_differs_from_deepest) : "") << ','
        << (s.error_to_recorded.count > 0 ? std::to_string(s.gripper_differs_from_recorded) : "") << ','
        << (e.flips ? std::to_string(*e.flips) : "") << "\r\n";
  }
}

std::string headline(const Study& study) {
  const auto& s = study.total;
  if (s.frames == 0) return "No frames";
  const int full = study.model.exit_layers.empty() ? study.model.layers : study.model.exit_layers.back() + 1;
  std::string out = fixed_text(s.depth.mean(), 2) + " of " + std::to_string(full) + " layers on average";
  if (const double saving = saving_times(s); std::isfinite(saving)) {
    out += ", " + fixed_text(saving, 2) + (study.cost_unit == "layers" ? "× fewer layers" : "× less LLM compute");
  }
  const auto unit = study.model.layout ? distance_unit(*study.model.layout) : std::string();
  if (const double distance = mean_of_all(s.distance_to_deepest, s.frames); std::isfinite(distance) && !unit.empty()) {
    out += ", " + general_text(distance, 3) + " " + unit + " from the deepest exit";
  }
  return out;
}

std::vector<std::size_t> worst_episodes(const Study& study) {
  const bool by_distance = study.total.distance_to_deepest.count > 0;
  const auto error = [&](std::size_t i) {
    const auto& s = study.episodes[i].summary;
    return mean_of_all(by_distance ? s.distance_to_deepest : s.error_to_deepest, s.frames);
  };
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < study.episodes.size(); ++i) {
    if (std::isfinite(error(i))) out.push_back(i);
  }
  std::stable_sort(out.begin(), out.end(), [&](std::size_t a, std::size_t b) { return error(a) > error(b); });
  return out;
}

}  // namespace deer
