// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <vector>

#include "core/budget/prepared_calibration.h"
#include "core/budget/threshold_solver.h"

namespace deer {

/// Range in which a family's parameter matters; beyond it the shares no longer change.
struct ParameterRange {
  double shallow = 0;  ///< exits early
  double deep = 0;
  bool logarithmic = false;

  double at(double share) const;  ///< 0: shallow, 1: deep
};
ParameterRange parameter_range(ExitDistribution family, std::size_t exits);

/// The member of a family of exit distributions that meets mean costs.
struct FamilyMember {
  CalibrationOutcome outcome;
  double parameter = 0;
  bool met = false;  ///< false: even the family's shallowest member (this one) costs too much
};

/// An upper bound on a mean cost: `costs` holds the cost of each allowed exit, increasing.
struct MeanBound {
  std::span<const double> costs;
  double most = 0;
};

double mean_cost(std::span<const std::int64_t> counts, std::span<const double> costs);

/// The deepest member whose actual mean costs on the calibration set all stay within their bounds. Unless values are
/// equal or missing, the shares alone determine how many samples exit at each exit, so the parameter is found without
/// the samples and checked on them once. If the two disagree, the parameter is found by bisection over the samples
/// (with many equal values in a large set, a deeper member may then be missed).
FamilyMember search_family(const PreparedCalibration& set, std::size_t exits, std::span<const MeanBound> bounds,
                           ExitDistribution family, bool skip_first = false, std::span<const float> locked = {});

/// The same for one bound.
FamilyMember search_family(const PreparedCalibration& set, std::span<const double> costs, double most,
                           ExitDistribution family, bool skip_first = false, std::span<const float> locked = {});

}  // namespace deer
