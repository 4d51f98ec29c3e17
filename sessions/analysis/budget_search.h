// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <vector>

#include "core/budget/cost_unit.h"
#include "core/budget/optimal_thresholds.h"
#include "sessions/threads/newest_task.h"

namespace deer {

/// Mean cost against mean action error, in the unit of the request's average.
struct BudgetCurves {
  std::vector<ParetoPoint> family;   ///< of the request's exit distribution; empty for `optimal`
  std::vector<ParetoPoint> optimal;  ///< the least error that was found, from a subsample
};

/// What a search needs; immutable while it runs.
struct BudgetQuestion {
  std::shared_ptr<const PreparedCalibration> set;
  std::shared_ptr<const PreparedCalibration> sample;  ///< of the set, for curves and quick answers
  ExitCosts costs;
  BudgetRequest request;
};

/// Solves budgets on a thread of its own, and draws their curves on another: the newest question first, and curves only
/// after its first answer. No call but the destructor waits, and that for no more than a few milliseconds of work. GUI
/// thread only.
class BudgetSearch : public QObject {
  Q_OBJECT

 public:
  explicit BudgetSearch(QObject* parent = nullptr);

  /// Takes the place of the question before.
  void ask(BudgetQuestion question);
  /// No answer to what was asked is wanted any more.
  void cancel();
  bool busy() const { return busy_; }  ///< the last answer to the newest question is not there yet

 Q_SIGNALS:
  /// `last` is false for a quick answer that a better one will follow.
  void solved(const deer::BudgetSolution& solution, bool last);
  void failed(const QString& reason);
  void drawn(const deer::BudgetCurves& curves);

 private:
  void draw();
  template <typename Answer>
  void answer(Answer answer);

  BudgetQuestion question_;
  BudgetQuestion drawn_;  ///< whose curves are there or being drawn
  bool busy_ = false;
  quint64 number_ = 0;
  quint64 drawing_ = 0;
  NewestTask solving_task_;
  NewestTask drawing_task_;
};

}  // namespace deer
