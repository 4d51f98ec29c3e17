// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/runs/kept_run.h"

#include <QCoreApplication>
#include <QStringList>
#include <algorithm>

#include "core/budget/cost_model.h"
#include "core/exits/criterion.h"
#include "core/exits/decision.h"
#include "core/model/model_config.h"

namespace deer {
namespace {

struct RunText {
  Q_DECLARE_TR_FUNCTIONS(deer::KeptRuns)
};

}  // namespace

QString describe_policy(const ExitPolicy& policy, const std::vector<int>& exit_layers) {
  const auto exit_text = [&](int layer) {
    const int index = exit_index_of(exit_layers, layer);
    return index >= 0 ? RunText::tr("exit %1").arg(index + 1) : RunText::tr("layer %1").arg(layer + 1);
  };
  if (policy.criterion == Criterion::fixed_exit) {
    if (!policy.fixed_layer) return RunText::tr("always the deepest exit");
    return RunText::tr("always %1").arg(exit_text(*policy.fixed_layer));
  }
  if (policy.criterion == Criterion::time_step) {
    return RunText::tr("a deeper exit every %1 steps").arg(policy.steps_per_exit);
  }
  QStringList thresholds;
  for (const double threshold : policy.thresholds) {
    thresholds << (threshold >= kAlwaysLeave  ? RunText::tr("always")
                   : threshold <= kNeverLeave ? RunText::tr("never")
                                              : QString::number(threshold, 'g', 3));
  }
  const bool gate = policy.criterion == Criterion::learned_gate;
  auto text = (gate ? RunText::tr("learned gate, thresholds %1") : RunText::tr("thresholds %1"))
                  .arg(thresholds.join(QStringLiteral(", ")));
  if (policy.max_layer) text += RunText::tr(", at most %1 layers").arg(*policy.max_layer);
  if (!policy.forced_layers.empty()) text += RunText::tr(", some frames forced");
  return text;
}

QString KeptRun::details() const {
  const auto rule = policy_text.isEmpty() ? describe_policy(policy, model.exit_layers) : policy_text;
  auto text = RunText::tr("%1, %2").arg(QString::fromStdString(model.name), rule);
  if (figures.evaluated > 0 && figures.evaluated < frames) {
    text += RunText::tr(", %1 of %2 frames").arg(figures.evaluated).arg(frames);
  }
  return text;
}

RunFigures figures_of(const std::vector<FrameRecordPtr>& records, const ModelSummary& model) {
  RunFigures out;
  std::optional<CostModel> costs;
  if (model.config) costs.emplace(*model.config);
  const int deepest = model.exit_layers.empty() ? -1 : model.exit_layers.back();
  double layers = 0, work_layers = 0, full_layers = 0, gflops = 0, full_gflops = 0, distance = 0;
  qint64 measured = 0;
  for (const auto& record : records) {
    if (!record) continue;
    ++out.evaluated;
    layers += record->depth();
    if (!record->exits.empty() && record->exits.back().layer == deepest) {
      const auto apart = position_distance(*record->layout, record->action, record->exits.back().action);
      if (!std::isnan(apart)) {
        distance += static_cast<double>(apart);
        ++measured;
      }
    }
    // A frame that repeats the prediction before costs nothing at any depth.
    if (record->reason == ExitReason::repeated) continue;
    const int full = std::max(deepest, record->exit_layer);
    work_layers += record->depth();
    full_layers += full + 1;
    if (!costs || record->prompt_tokens <= 0) continue;
    gflops += costs->llm_gflops(record->exit_layer, record->prompt_tokens);
    full_gflops += costs->llm_gflops(full, record->prompt_tokens);
  }
  if (out.evaluated > 0) out.mean_depth = layers / static_cast<double>(out.evaluated);
  out.saving_in_layers = gflops <= 0;
  if (gflops > 0) {
    out.saving = full_gflops / gflops;
  } else if (work_layers > 0) {
    out.saving = full_layers / work_layers;
  }
  if (measured > 0 && measured == out.evaluated) out.mean_distance = distance / static_cast<double>(measured);
  for (const auto& dimension : model.layout->dimensions()) {
    if (dimension.kind == DimensionKind::position) {
      out.distance_unit = QString::fromStdString(dimension.unit);
      break;
    }
  }
  return out;
}

}  // namespace deer
