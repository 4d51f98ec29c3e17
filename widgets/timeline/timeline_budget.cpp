// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/timeline/timeline_budget.h"

#include "sessions/analysis/budget.h"
#include "widgets/timeline/timeline_cost.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {

TimelineBudget::TimelineBudget(const Session* session, const Budget* budget, TimelineView* view, QObject* parent)
    : QObject(parent), session_(session), budget_(budget), view_(view) {
  connect(session, &Session::model_changed, this, &TimelineBudget::update);
  connect(budget, &Budget::set_changed, this, &TimelineBudget::update);
  connect(budget, &Budget::request_changed, this, &TimelineBudget::update);
  connect(view, &QObject::destroyed, this, [this] { view_ = nullptr; });
  update();
}

void TimelineBudget::update() {
  if (!view_) return;
  const auto& costs = budget_->costs();
  const auto& request = budget_->request();
  const auto* const model = session_->model();
  const auto exits = model ? model->exit_layers.size() : 0;
  const auto& gflops = request.scope == GflopScope::total ? costs.total_gflops : costs.llm_gflops;
  if (request.average_ms && costs.milliseconds.size() == exits) {
    return view_->set_cost({tr("ms"), costs.milliseconds, request.average_ms});
  }
  if (request.average_gflops && gflops.size() == exits) {
    return view_->set_cost({tr("GFLOPs"), gflops, request.average_gflops});
  }
  TimelineCost layers{tr("layers"), {}, request.average_depth};
  for (std::size_t i = 0; i < exits; ++i) layers.by_exit.push_back(model->exit_layers[i] + 1);
  view_->set_cost(layers);
}

}  // namespace deer
