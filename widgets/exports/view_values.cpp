// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/exports/view_values.h"

#include <QAbstractItemModel>
#include <algorithm>
#include <array>
#include <functional>

#include "core/debug/frame_values.h"
#include "core/exits/exit_policy.h"
#include "sessions/analysis/calibration_watch.h"
#include "sessions/analysis/comparison.h"
#include "sessions/analysis/latency.h"
#include "sessions/analysis/similarity.h"
#include "widgets/actions/action_plots.h"
#include "widgets/analysis/feature_map_view.h"
#include "widgets/analysis/feature_scatter.h"
#include "widgets/analysis/similarity_matrix.h"
#include "widgets/analysis/similarity_view.h"
#include "widgets/exits/exit_steps_model.h"

namespace deer {
namespace {

// "turn_x"; of a chunk's later steps "turn_x step 2".
std::string value_name(const ActionLayout& layout, std::size_t place) {
  auto name = layout.dimensions()[place % layout.width()].name;
  std::replace(name.begin(), name.end(), ' ', '_');
  const auto step = place / layout.width();
  return step > 0 ? name + " step " + std::to_string(step + 1) : name;
}

std::string exit_text(std::size_t exit) { return "exit " + std::to_string(exit + 1); }

ValueColumn frames_column(std::size_t frames) {
  ValueColumn column{"frame", {}, {}};
  for (std::size_t frame = 0; frame < frames; ++frame) column.numbers.push_back(static_cast<double>(frame));
  return column;
}

ValueColumn numbers(std::string name, const std::vector<float>& values) {
  return {std::move(name), {values.begin(), values.end()}, {}};
}

}  // namespace

ValueTable timeline_values(const Session& session) {
  ValueTable table;
  const auto* const model = session.model();
  const auto layers = model ? model->exit_layers : std::vector<int>{};
  ValueColumn frame{"frame", {}, {}}, exit{"exit", {}, {}}, depth{"depth, layers", {}, {}}, reason{"reason", {}, {}};
  std::vector<ValueColumn> deltas, thresholds, actions, times;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    deltas.push_back({"delta " + exit_text(i), {}, {}});
    thresholds.push_back({"threshold " + exit_text(i), {}, {}});
  }
  const auto layout = model ? model->layout : ActionLayout::deer();
  for (std::size_t i = 0; i < layout->size(); ++i) actions.push_back({"executed " + value_name(*layout, i), {}, {}});
  for (const auto* const name : {"preprocess", "vision", "resampler", "llm", "head"}) {
    times.push_back({std::string(name) + ", ms", {}, {}});
  }
  for (qint64 i = 0; i < session.frame_count(); ++i) {
    const auto record = session.record(i);
    if (!record) continue;
    frame.numbers.push_back(static_cast<double>(i));
    exit.numbers.push_back(record->exit_index >= 0 ? record->exit_index + 1 : FrameStep::kUnknown);
    depth.numbers.push_back(record->depth());
    reason.texts.emplace_back(to_string(record->reason));
    for (std::size_t e = 0; e < layers.size(); ++e) {
      const auto* const probe = record->probe_at(layers[e]);
      deltas[e].numbers.push_back(static_cast<double>(probe ? probe->delta : kNotEvaluated));
      thresholds[e].numbers.push_back(static_cast<double>(probe ? probe->threshold : kNotEvaluated));
    }
    for (std::size_t a = 0; a < actions.size(); ++a) {
      const bool known = a < record->action.size();
      actions[a].numbers.push_back(static_cast<double>(known ? record->action[a] : kNotEvaluated));
    }
    const auto& t = record->times;
    const std::array<double, 5> ms{t.preprocess_ms, t.vision_ms, t.resampler_ms, t.llm_ms, t.head_ms};
    for (std::size_t s = 0; s < ms.size(); ++s) times[s].numbers.push_back(ms[s]);
  }
  table.columns = {frame, exit, depth, reason};
  for (const auto* const more : {&deltas, &thresholds, &actions, &times}) {
    table.columns.insert(table.columns.end(), more->begin(), more->end());
  }
  return table;
}

ValueTable delta_values(const Session& session, qint64 frame) {
  ValueColumn exit{"exit", {}, {}}, depth{"depth, layers", {}, {}}, delta{"delta", {}, {}},
      threshold{"threshold", {}, {}}, asked{"asked by the policy", {}, {}}, taken{"taken", {}, {}};
  const auto* const model = session.model();
  const auto record = session.record(frame);
  for (std::size_t i = 0; model && record && i < model->exit_layers.size(); ++i) {
    const auto* const probe = record->probe_at(model->exit_layers[i]);
    exit.numbers.push_back(static_cast<double>(i + 1));
    depth.numbers.push_back(model->exit_layers[i] + 1);
    delta.numbers.push_back(static_cast<double>(probe ? probe->delta : kNotEvaluated));
    threshold.numbers.push_back(static_cast<double>(probe ? probe->threshold : kNotEvaluated));
    asked.numbers.push_back(probe && probe->evaluated_by_policy ? 1 : 0);
    taken.numbers.push_back(model->exit_layers[i] == record->exit_layer ? 1 : 0);
  }
  return {{exit, depth, delta, threshold, asked, taken}};
}

ValueTable similarity_values(const SimilarityView& view) {
  ValueTable table;
  const auto& similarity = *view.similarity();
  const auto exits = similarity.exits();
  const auto& matrix = view.matrix()->values();
  ValueColumn names{"matrix", {}, {}};
  for (std::size_t row = 0; row < exits; ++row) names.texts.push_back(exit_text(row));
  table.columns.push_back(std::move(names));
  for (std::size_t column = 0; column < exits; ++column) {
    ValueColumn values{exit_text(column), {}, {}};
    for (std::size_t row = 0; row < exits; ++row) {
      const auto place = row * exits + column;
      values.numbers.push_back(place < matrix.size() ? matrix[place] : FrameStep::kUnknown);
    }
    table.columns.push_back(std::move(values));
  }
  const auto frames = static_cast<std::size_t>(similarity.frames());
  table.columns.push_back(frames_column(frames));
  for (std::size_t exit = 0; exit + 1 < exits; ++exit) {
    ValueColumn values{exit_text(exit) + " to the deepest, cosine", {}, {}};
    for (std::size_t frame = 0; frame < frames; ++frame) {
      values.numbers.push_back(similarity.cosine(static_cast<qint64>(frame), exit, exits - 1));
    }
    table.columns.push_back(std::move(values));
  }
  return table;
}

ValueTable exit_step_values(const ExitStepsModel& model) {
  ValueTable table;
  const auto column = [&](const std::string& name, const std::function<double(const FrameStep&)>& value) {
    ValueColumn values{name, {}, {}};
    for (const auto& step : model.steps()) values.numbers.push_back(value(step));
    table.columns.push_back(std::move(values));
  };
  column("exit", [](const FrameStep& step) { return step.exit_index + 1; });
  column("depth, layers", [](const FrameStep& step) { return step.layer + 1; });
  column("hidden state change", [](const FrameStep& step) { return step.change; });
  column("delta", [](const FrameStep& step) { return step.delta; });
  column("threshold", [](const FrameStep& step) { return step.threshold; });
  ValueColumn decisions{"decision", {}, {}};
  for (const auto& step : model.steps()) decisions.texts.push_back(ExitStepsModel::why(step).toStdString());
  table.columns.push_back(std::move(decisions));
  const auto& layout = model.layout();
  for (std::size_t i = 0; i < layout.size(); ++i) {
    const bool is_deer_gripper = layout.is_deer() && i + 1 == layout.size();
    column(is_deer_gripper ? "gripper, probability of opening" : value_name(layout, i), [i](const FrameStep& step) {
      return i < step.action.size() ? static_cast<double>(step.action[i]) : FrameStep::kUnknown;
    });
  }
  column("LLM, GFLOPs", [](const FrameStep& step) { return step.llm_gflops; });
  column("step, GFLOPs", [](const FrameStep& step) { return step.total_gflops; });
  column("step, ms", [](const FrameStep& step) { return step.total_ms; });
  column("difference of the next exit", [](const FrameStep& step) { return step.next_difference; });
  return table;
}

ValueTable action_values(const ActionPlots& view) {
  const auto& series = view.series();
  ValueTable table{{frames_column(series.frames())}};
  for (std::size_t i = 0; i < series.dimensions(); ++i) {
    const auto name = value_name(series.layout(), i);
    for (std::size_t exit = 0; exit < series.exits(); ++exit) {
      table.columns.push_back(numbers(name + " " + exit_text(exit), series.exit(exit, i)));
    }
    table.columns.push_back(numbers(name + " executed", series.executed(i)));
    table.columns.push_back(numbers(name + " recorded", series.recorded(i)));
  }
  for (std::size_t exit = 0; exit < series.exits(); ++exit) {
    table.columns.push_back(
        numbers((series.layout().is_deer() ? "arm error " : "total error ") + exit_text(exit), series.arm_error(exit)));
  }
  return table;
}

ValueTable calibration_values(const CalibrationWatch& watch) {
  ValueTable table;
  const auto& health = watch.health();
  const auto column = [&](const std::string& name, const std::function<double(const ExitHealth&)>& value) {
    ValueColumn values{name, {}, {}};
    for (const auto& one : health) values.numbers.push_back(value(one));
    table.columns.push_back(std::move(values));
  };
  ValueColumn exits{"exit", {}, {}};
  for (std::size_t exit = 0; exit < health.size(); ++exit) exits.numbers.push_back(static_cast<double>(exit + 1));
  table.columns.push_back(std::move(exits));
  column("Kolmogorov-Smirnov distance", [](const ExitHealth& one) { return one.distance; });
  column("limit", [](const ExitHealth& one) { return one.limit; });
  column("drifted", [](const ExitHealth& one) { return one.drifted ? 1.0 : 0.0; });
  column("share that stops now", [](const ExitHealth& one) { return one.seen_leaves; });
  column("share that stops, calibrated", [](const ExitHealth& one) { return one.calibrated_leaves; });
  column("deltas of the run", [](const ExitHealth& one) { return static_cast<double>(one.seen); });
  column("deltas of the set", [](const ExitHealth& one) { return static_cast<double>(one.calibrated); });
  if (health.empty()) return table;
  ValueColumn shares{"quantile, %", {}, {}};
  for (std::size_t i = 0; i < ExitHealth::kQuantiles; ++i) shares.numbers.push_back(static_cast<double>(i));
  table.columns.push_back(std::move(shares));
  for (std::size_t exit = 0; exit < health.size(); ++exit) {
    const auto& seen = health[exit].seen_quantiles;
    const auto& calibrated = health[exit].calibrated_quantiles;
    table.columns.push_back(numbers("delta now " + exit_text(exit), {seen.begin(), seen.end()}));
    table.columns.push_back(numbers("delta calibrated " + exit_text(exit), {calibrated.begin(), calibrated.end()}));
  }
  return table;
}

ValueTable latency_values(const Latency& latency) {
  ValueTable table{{frames_column(latency.values(Latency::kTotal).size())}};
  constexpr std::array<const char*, Latency::kStages> kNames{"preprocess, ms", "vision, ms", "resampler, ms",
                                                             "llm, ms",        "head, ms",   "total, ms"};
  for (int stage = 0; stage < Latency::kStages; ++stage) {
    table.columns.push_back(
        numbers(kNames[static_cast<std::size_t>(stage)], latency.values(static_cast<Latency::Stage>(stage))));
  }
  table.columns.push_back(numbers("time, s", latency.memory_seconds()));
  table.columns.push_back(numbers("memory, MB", latency.memory_megabytes()));
  return table;
}

ValueTable feature_values(const Session& session, const FeatureMapView& view) {
  ValueColumn frames{"frame", {}, {}}, x{"first direction", {}, {}}, y{"second direction", {}, {}};
  ValueColumn exits{"exit taken", {}, {}}, regrets{"regret", {}, {}};
  for (const auto& point : view.scatter()->points()) {
    const auto record = session.record(point.frame);
    frames.numbers.push_back(static_cast<double>(point.frame));
    x.numbers.push_back(static_cast<double>(point.place[0]));
    y.numbers.push_back(static_cast<double>(point.place[1]));
    exits.numbers.push_back(record && record->exit_index >= 0 ? record->exit_index + 1 : FrameStep::kUnknown);
    regrets.numbers.push_back(record ? regret(*record) : FrameStep::kUnknown);
  }
  ValueTable table;
  for (auto* const column : {&frames, &x, &y, &exits, &regrets}) table.columns.push_back(std::move(*column));
  return table;
}

ValueTable comparison_values(const Comparison& comparison) {
  ValueTable table{{frames_column(static_cast<std::size_t>(comparison.frames())),
                    numbers("kept depth, layers", comparison.depth(Comparison::kKept)),
                    numbers("now depth, layers", comparison.depth(Comparison::kNow)),
                    numbers("kept LLM, GFLOPs", comparison.llm_gflops(Comparison::kKept)),
                    numbers("now LLM, GFLOPs", comparison.llm_gflops(Comparison::kNow)),
                    numbers("action difference", comparison.difference())}};
  ValueColumn differs{"differs", {}, {}};
  for (qint64 frame = 0; frame < comparison.frames(); ++frame) {
    differs.numbers.push_back(comparison.differs(frame) ? 1 : 0);
  }
  table.columns.push_back(std::move(differs));
  return table;
}

ValueTable model_values(const QAbstractItemModel& model) {
  ValueTable table;
  ValueColumn rows{"row", {}, {}};
  bool named = false;
  for (int row = 0; row < model.rowCount(); ++row) {
    const auto name = model.headerData(row, Qt::Vertical).toString();
    named = named || !name.isEmpty();
    rows.texts.push_back(name.toStdString());
  }
  if (named) table.columns.push_back(std::move(rows));
  for (int column = 0; column < model.columnCount(); ++column) {
    ValueColumn values{model.headerData(column, Qt::Horizontal).toString().toStdString(), {}, {}};
    for (int row = 0; row < model.rowCount(); ++row) {
      values.texts.push_back(model.index(row, column).data().toString().toStdString());
    }
    table.columns.push_back(std::move(values));
  }
  return table;
}

}  // namespace deer
