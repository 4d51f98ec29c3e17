// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/budget_text.h"

#include <QStringList>
#include <algorithm>
#include <cmath>

#include "core/budget/saving.h"
#include "widgets/base/number_format.h"

namespace deer {
namespace {

CostUnit unit_of(Constraint constraint) {
  switch (constraint) {
    case Constraint::average_gflops:
    case Constraint::peak_gflops:
      return CostUnit::gflops;
    case Constraint::average_ms:
    case Constraint::peak_ms:
      return CostUnit::milliseconds;
    default:
      return CostUnit::layers;
  }
}

QString amount(Constraint constraint, double value) {
  return constraint == Constraint::memory ? format_bytes(value) : BudgetText::cost(value, unit_of(constraint));
}

}  // namespace

QString BudgetText::unit(CostUnit unit) {
  switch (unit) {
    case CostUnit::gflops:
      return tr("GFLOPs");
    case CostUnit::milliseconds:
      return tr("ms");
    case CostUnit::layers:
      break;
  }
  return tr("layers");
}

QString BudgetText::cost(double value, CostUnit in) {
  constexpr double kSmall = 0.1;  // GFLOPs
  if (in == CostUnit::gflops && value > 0 && value < kSmall) return format_quantity(value * 1000, tr("MFLOPs"));
  return format_quantity(value, unit(in));
}

QString BudgetText::saving(double share) {
  if (share < 0.005) return tr("full LLM compute");
  return tr("%1× less LLM compute").arg(format_number(times_less(share), 2));
}

QString BudgetText::problem(const BudgetSolution& solution, const BudgetRequest& request) {
  if (solution.feasible) return {};
  const bool locked = std::any_of(request.locked.begin(), request.locked.end(), [](float t) { return !std::isnan(t); });
  QStringList sentences;
  for (const auto& state : solution.constraints) {
    if (state.met) continue;
    const bool is_average = state.constraint == Constraint::average_gflops ||
                            state.constraint == Constraint::average_depth || state.constraint == Constraint::average_ms;
    if (is_average && solution.exit_layers.empty()) continue;  // no exit is left to average over
    const auto limit = amount(state.constraint, state.asked);
    const auto least = amount(state.constraint, state.least);
    QString text;
    switch (state.constraint) {
      case Constraint::average_gflops:
      case Constraint::average_depth:
      case Constraint::average_ms:
        text = tr("An average of %1 is infeasible; the minimum is %2");
        break;
      case Constraint::peak_gflops:
      case Constraint::peak_ms:
      case Constraint::max_layer:
        text = tr("A peak of %1 is infeasible; the minimum is %2");
        break;
      case Constraint::memory:
        text = tr("A memory of %1 is infeasible; the minimum is %2");
        break;
    }
    text = text.arg(limit, least);
    if (state.least_is_of_method) {
      text = locked ? tr("%1 with these locked thresholds").arg(text) : tr("%1 with this method").arg(text);
    }
    sentences << tr("%1.").arg(text);
  }
  if (sentences.isEmpty()) return tr("These limits cannot be met together.");
  return sentences.join(QLatin1Char(' '));
}

QString BudgetText::step(const BudgetSolution& solution, const BudgetRequest& request) {
  const auto unit = average_unit(request);
  const auto mean = cost_in(unit, solution, request.scope).mean;
  return std::isfinite(mean) ? tr("Budget %1").arg(cost(mean, unit)) : tr("Budget");
}

}  // namespace deer
