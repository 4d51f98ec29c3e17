// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/cost_unit.h"

namespace deer {

std::vector<double> costs_in(CostUnit unit, const ExitCosts& costs, GflopScope scope) {
  switch (unit) {
    case CostUnit::gflops:
      return scope == GflopScope::llm ? costs.llm_gflops : costs.total_gflops;
    case CostUnit::milliseconds:
      return costs.milliseconds;
    case CostUnit::layers:
      break;
  }
  std::vector<double> depths;
  for (const int layer : costs.exit_layers) depths.push_back(layer + 1.0);
  return depths;
}

MeanAndPeak cost_in(CostUnit unit, const BudgetSolution& solution, GflopScope scope) {
  switch (unit) {
    case CostUnit::gflops:
      return scope == GflopScope::llm ? solution.llm_gflops : solution.total_gflops;
    case CostUnit::milliseconds:
      return solution.milliseconds;
    case CostUnit::layers:
      break;
  }
  return solution.depth;
}

CostUnit average_unit(const BudgetRequest& request) {
  if (request.average_gflops) return CostUnit::gflops;
  return request.average_ms ? CostUnit::milliseconds : CostUnit::layers;
}

std::optional<double> average_in(CostUnit unit, const BudgetRequest& request) {
  return unit == CostUnit::gflops         ? request.average_gflops
         : unit == CostUnit::milliseconds ? request.average_ms
                                          : request.average_depth;
}

void set_average(BudgetRequest& request, CostUnit unit, std::optional<double> most) {
  request.average_depth = unit == CostUnit::layers ? most : std::nullopt;
  request.average_gflops = unit == CostUnit::gflops ? most : std::nullopt;
  request.average_ms = unit == CostUnit::milliseconds ? most : std::nullopt;
}

}  // namespace deer
