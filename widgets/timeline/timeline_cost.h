// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <optional>
#include <vector>

namespace deer {

/// Unit of the cost track, and the budget.
struct TimelineCost {
  QString unit;                     ///< shown after numbers
  std::vector<double> by_exit;      ///< cost of each exit, shallow to deep
  std::optional<double> allowance;  ///< requested average
};

}  // namespace deer
