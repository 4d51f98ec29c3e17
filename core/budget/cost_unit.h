// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <vector>

#include "core/budget/budget_solver.h"

namespace deer {

/// What the cost of a step is counted in.
enum class CostUnit { layers, gflops, milliseconds };

/// Cost of exiting at each exit, shallow to deep; empty if it is not known. GFLOPs are those of `scope`.
std::vector<double> costs_in(CostUnit unit, const ExitCosts& costs, GflopScope scope = GflopScope::llm);

/// Mean and peak that a solution predicts; NaN if they are not known.
MeanAndPeak cost_in(CostUnit unit, const BudgetSolution& solution, GflopScope scope = GflopScope::llm);

/// The unit of a request's average; layers if it limits none.
CostUnit average_unit(const BudgetRequest& request);
/// The average that a request limits in this unit; set_average() drops those in other units.
std::optional<double> average_in(CostUnit unit, const BudgetRequest& request);
void set_average(BudgetRequest& request, CostUnit unit, std::optional<double> most);

}  // namespace deer
