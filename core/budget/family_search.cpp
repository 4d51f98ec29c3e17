// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/family_search.h"

#include <algorithm>
#include <cmath>

namespace deer {
namespace {

bool within(std::span<const std::int64_t> counts, std::span<const MeanBound> bounds) {
  return std::all_of(bounds.begin(), bounds.end(), [&](const MeanBound& bound) {
    return mean_cost(counts, bound.costs) <= bound.most * (1 + 1e-12);
  });
}

// Samples by share: floor(samples * share) in float32, the rest to the last.
std::vector<std::int64_t> wanted(std::span<const float> shares, std::int64_t samples) {
  std::vector<std::int64_t> out;
  std::int64_t left = samples;
  for (std::size_t i = 0; i + 1 < shares.size(); ++i) {
    const auto want = static_cast<std::int64_t>(std::floor(static_cast<float>(samples) * shares[i]));
    out.push_back(want > left ? 0 : want);
    left -= out.back();
  }
  out.push_back(left);
  return out;
}

}  // namespace

double ParameterRange::at(double share) const {
  if (!logarithmic) return shallow + share * (deep - shallow);
  return std::exp(std::log(shallow) + share * (std::log(deep) - std::log(shallow)));
}

ParameterRange parameter_range(ExitDistribution family, std::size_t exits) {
  const auto count = static_cast<double>(exits);
  switch (family) {
    case ExitDistribution::gaussian:
      return {-6, count + 5, false};
    case ExitDistribution::gamma:
      return {1e-2, 3 * count + 20, false};
    case ExitDistribution::exponential:
      break;
  }
  // Its power of the number of exits must fit in float32.
  return {1e-6, std::min(1e3, std::pow(10.0, 36.0 / count)), true};
}

double mean_cost(std::span<const std::int64_t> counts, std::span<const double> costs) {
  double sum = 0;
  double samples = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    sum += static_cast<double>(counts[i]) * costs[i];
    samples += static_cast<double>(counts[i]);
  }
  return sum / samples;
}

FamilyMember search_family(const PreparedCalibration& set, std::size_t exits, std::span<const MeanBound> bounds,
                           ExitDistribution family, bool skip_first, std::span<const float> locked) {
  const auto range = parameter_range(family, exits);
  const auto shares_at = [&](double place) {
    return target_shares(family, range.at(place), static_cast<std::int64_t>(exits), skip_first && exits > 1);
  };
  const auto solve_at = [&](double place) {
    FamilyMember out;
    out.parameter = range.at(place);
    out.outcome = set.solve(shares_at(place), locked);
    out.met = within(out.outcome.counts, bounds);
    return out;
  };
  auto deep = solve_at(1);
  if (deep.met) return deep;
  const bool none_locked = std::all_of(locked.begin(), locked.end(), [](float t) { return std::isnan(t); });
  constexpr int kHalvings = 50;
  if (none_locked && within(wanted(shares_at(0), set.samples()), bounds)) {
    double low = 0;
    double high = 1;
    for (int i = 0; i < kHalvings; ++i) {
      const double middle = (low + high) / 2;
      (within(wanted(shares_at(middle), set.samples()), bounds) ? low : high) = middle;
    }
    auto found = solve_at(low);
    if (found.met && found.outcome.counts == wanted(shares_at(low), set.samples())) return found;
  }
  auto best = solve_at(0);
  if (!best.met) return best;
  const auto try_at = [&](double place) {
    auto tried = solve_at(place);
    const bool met = tried.met;
    const auto& costs = bounds.front().costs;
    if (met && mean_cost(tried.outcome.counts, costs) >= mean_cost(best.outcome.counts, costs)) best = std::move(tried);
    return met;
  };
  double low = 0;
  double high = 1;
  // One sample is the finest possible step.
  for (int i = 0; i < kHalvings && std::ldexp(1.0, -i) * static_cast<double>(set.samples()) > 1e-4; ++i) {
    const double middle = (low + high) / 2;
    (try_at(middle) ? low : high) = middle;
  }
  // With many equal values the mean is not monotonic in the parameter. If time allows, search nearby.
  constexpr std::int64_t kAffordable = 1'000'000;
  constexpr std::int64_t kMostPlaces = 512;
  const auto places = std::min(kMostPlaces, kAffordable / set.samples());
  for (std::int64_t i = 1; i < places; ++i) try_at(static_cast<double>(i) / static_cast<double>(places));
  return best;
}

FamilyMember search_family(const PreparedCalibration& set, std::span<const double> costs, double most,
                           ExitDistribution family, bool skip_first, std::span<const float> locked) {
  const MeanBound bound{costs, most};
  return search_family(set, costs.size(), std::span(&bound, 1), family, skip_first, locked);
}

}  // namespace deer
