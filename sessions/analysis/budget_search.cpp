// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/budget_search.h"

#include "core/base/error.h"

namespace deer {
namespace {

constexpr int kCurvePoints = 40;

std::optional<ExitDistribution> family_of(ThresholdMethod method) {
  switch (method) {
    case ThresholdMethod::exponential:
      return ExitDistribution::exponential;
    case ThresholdMethod::gaussian:
      return ExitDistribution::gaussian;
    case ThresholdMethod::gamma:
      return ExitDistribution::gamma;
    case ThresholdMethod::optimal:
      break;
  }
  return std::nullopt;
}

std::vector<double> axis_of(const BudgetQuestion& question) {
  const auto axis = costs_in(average_unit(question.request), question.costs);
  return axis.empty() ? costs_in(CostUnit::layers, question.costs) : axis;
}

bool same_curves(const BudgetQuestion& a, const BudgetQuestion& b) {
  return a.set == b.set && a.request.method == b.request.method && a.request.skip_first == b.request.skip_first &&
         axis_of(a) == axis_of(b);
}

}  // namespace

BudgetSearch::BudgetSearch(QObject* parent) : QObject(parent) {}

template <typename Answer>
void BudgetSearch::answer(Answer answer) {
  QMetaObject::invokeMethod(this, std::move(answer), Qt::QueuedConnection);
}

void BudgetSearch::ask(BudgetQuestion question) {
  question_ = std::move(question);
  busy_ = true;
  solving_task_.ask([this, number = ++number_, question = question_](const std::stop_token& stop) {
    const auto give = [this, number](BudgetSolution solution, bool last) {
      answer([this, number, last, solution = std::move(solution)] {
        if (number != number_) return;
        busy_ = !last;
        Q_EMIT solved(solution, last);
        draw();
      });
    };
    try {
      if (question.request.method == ThresholdMethod::optimal) {
        auto quick = question.request;
        quick.quick = true;
        give(solve_budget(*question.sample, question.costs, quick, stop), false);
      }
      give(solve_budget(*question.set, question.costs, question.request, stop), true);
    } catch (const Cancelled&) {
    } catch (const std::exception& error) {
      answer([this, number, text = QString::fromUtf8(error.what())] {
        if (number != number_) return;
        busy_ = false;
        Q_EMIT failed(text);
        draw();
      });
    }
  });
}

void BudgetSearch::cancel() {
  ++number_;
  ++drawing_;
  busy_ = false;
  drawn_ = {};
  solving_task_.forget();
  drawing_task_.forget();
}

void BudgetSearch::draw() {
  if (!question_.set->has_errors() || same_curves(question_, drawn_)) return;
  drawn_ = question_;
  drawing_task_.ask([this, number = ++drawing_, question = question_](const std::stop_token& stop) {
    try {
      const auto axis = axis_of(question);
      BudgetCurves curves;
      if (const auto family = family_of(question.request.method)) {
        curves.family = family_curve(*question.set, axis, *family, kCurvePoints, question.request.skip_first, stop);
      }
      OptimalOptions options;
      options.quick = true;
      options.stop = stop;
      curves.optimal = optimal_curve(*question.sample, axis, kCurvePoints, options);
      answer([this, number, curves = std::move(curves)] {
        if (number == drawing_) Q_EMIT drawn(curves);
      });
    } catch (const Cancelled&) {
    } catch (const std::exception& error) {
      answer([this, number, text = QString::fromUtf8(error.what())] {
        if (number == drawing_) Q_EMIT failed(text);
      });
    }
  });
}

}  // namespace deer
