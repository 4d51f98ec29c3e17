// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/timeline/timeline_budget.h"

#include "sessions/analysis/budget.h"
#include "widgets/base/budget_text.h"
#include "widgets/timeline/timeline_cost.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {

TimelineBudget::TimelineBudget(const Session* session, const Budget* budget, TimelineView* view, QObject* parent)
    : QObject(parent), session_(session), budget_(budget), view_(view) {
  connect(session, &Session::model_changed, this, &TimelineBudget::update);
  connect(budget, &Budget::set_changed, this, &TimelineBudget::update);
  connect(budget, &Budget::solution_changed, this, &TimelineBudget::update);
  connect(view, &QObject::destroyed, this, [this] { view_ = nullptr; });
  update();
}

void TimelineBudget::update() {
  if (!view_) return;
  const auto& request = budget_->request();
  const auto* const model = session_->model();
  const auto exits = model ? model->exit_layers.size() : 0;
  auto unit = average_unit(request);
  auto by_exit = costs_in(unit, budget_->costs(), request.scope);
  if (by_exit.size() != exits) {
    unit = CostUnit::layers;
    by_exit.clear();
    for (std::size_t i = 0; i < exits; ++i) by_exit.push_back(model->exit_layers[i] + 1);
  }
  view_->set_cost({BudgetText::unit(unit), std::move(by_exit), average_in(unit, request)});
}

}  // namespace deer
