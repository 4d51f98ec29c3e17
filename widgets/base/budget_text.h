// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QCoreApplication>
#include <QString>

#include "core/budget/cost_unit.h"

namespace deer {

/// Budgets in words, for every view that shows one.
class BudgetText {
  Q_DECLARE_TR_FUNCTIONS(deer::BudgetText)

 public:
  static QString unit(CostUnit unit);                ///< "GFLOPs"
  static QString cost(double value, CostUnit unit);  ///< "2.50 layers"
  /// "4.8× less LLM compute" for the share of the language model's work that is saved.
  static QString saving(double share);
  /// Why a solution is infeasible, in one sentence for each unmet constraint; empty if it is not.
  static QString problem(const BudgetSolution& solution, const BudgetRequest& request);
  /// "Budget 6.70 layers": the step by which a solution's thresholds are applied.
  static QString step(const BudgetSolution& solution, const BudgetRequest& request);
};

}  // namespace deer
