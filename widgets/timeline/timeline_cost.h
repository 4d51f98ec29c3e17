// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <optional>
#include <vector>

namespace deer {

/// What the cost track counts, and what of it may be spent.
struct TimelineCost {
  QString unit;                     ///< as it stands behind a number
  std::vector<double> by_exit;      ///< of leaving there, shallow to deep
  std::optional<double> allowance;  ///< the average that was asked for
};

}  // namespace deer
