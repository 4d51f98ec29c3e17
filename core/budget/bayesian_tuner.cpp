// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/bayesian_tuner.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <random>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/budget/gaussian_process.h"
#include "core/exits/exit_policy.h"

namespace deer {
namespace {

constexpr std::pair<const char*, Acquisition> kNames[] = {{"EI", Acquisition::expected_improvement},
                                                          {"LCB", Acquisition::lower_confidence_bound},
                                                          {"PI", Acquisition::probability_of_improvement}};

double normal_density(double z) { return std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi); }
double normal_distribution(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

// Value of evaluating a point; the larger, the better.
double gain(const TunerOptions& o, const GaussianProcess::Prediction& p, double best) {
  if (o.acquisition == Acquisition::lower_confidence_bound) return -(p.mean - o.kappa * p.deviation);
  const double improvement = best - p.mean - o.xi;
  if (p.deviation <= 0) return o.acquisition == Acquisition::expected_improvement ? std::max(0.0, improvement) : 0;
  const double z = improvement / p.deviation;
  if (o.acquisition == Acquisition::probability_of_improvement) return normal_distribution(z);
  return improvement * normal_distribution(z) + p.deviation * normal_density(z);
}

// Identical on every platform, unlike std::uniform_real_distribution.
double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1.0p-53; }

std::mt19937_64 generator(std::uint64_t seed, std::uint64_t number) {
  std::seed_seq seeds{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                      static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32)};
  return std::mt19937_64(seeds);
}

}  // namespace

Acquisition parse_acquisition(std::string_view name) {
  for (const auto& [known, acquisition] : kNames) {
    if (name == known) return acquisition;
  }
  throw Error("acquisition '" + printable(name) + "' is unknown; use one of EI, LCB, PI");
}

std::string_view to_string(Acquisition acquisition) {
  for (const auto& [name, known] : kNames) {
    if (known == acquisition) return name;
  }
  return "unknown";
}

BayesianTuner::BayesianTuner(TunerOptions options) : options_(std::move(options)) {
  const auto d = options_.low.size();
  if (d == 0 || options_.high.size() != d || (!options_.start.empty() && options_.start.size() != d)) {
    throw Error("the search box has " + std::to_string(d) + " lower and " + std::to_string(options_.high.size()) +
                " upper bounds, and " + std::to_string(options_.start.size()) + " coordinates to start from");
  }
  for (std::size_t i = 0; i < d; ++i) {
    if (!std::isfinite(options_.low[i]) || !std::isfinite(options_.high[i]) || options_.low[i] >= options_.high[i]) {
      throw Error("the search box is empty in dimension " + std::to_string(i));
    }
    if (!options_.start.empty() && !(options_.start[i] >= options_.low[i] && options_.start[i] <= options_.high[i])) {
      throw Error("the start is outside the search box in dimension " + std::to_string(i));
    }
  }
  if (options_.random_points < 0) throw Error("the number of random points is negative");
}

void BayesianTuner::add(Evaluation evaluation) {
  if (evaluation.point.size() != options_.low.size()) {
    throw Error("an evaluation has " + std::to_string(evaluation.point.size()) + " coordinates, expected " +
                std::to_string(options_.low.size()));
  }
  for (const double x : evaluation.point) {
    if (!std::isfinite(x)) throw Error("an evaluation's coordinate is not a number");
  }
  if (!std::isfinite(evaluation.value)) throw Error("an evaluation's value is not a number");
  evaluations_.push_back(std::move(evaluation));
}

const Evaluation& BayesianTuner::best() const {
  if (evaluations_.empty()) throw Error("no evaluations yet");
  return *std::min_element(evaluations_.begin(), evaluations_.end(),
                           [](const auto& a, const auto& b) { return a.value < b.value; });
}

std::vector<double> BayesianTuner::from_unit(const std::vector<double>& unit) const {
  std::vector<double> out;
  for (std::size_t i = 0; i < unit.size(); ++i) {
    out.push_back(options_.low[i] + unit[i] * (options_.high[i] - options_.low[i]));
  }
  return out;
}

std::vector<double> BayesianTuner::to_unit(const std::vector<double>& point) const {
  std::vector<double> out;
  for (std::size_t i = 0; i < point.size(); ++i) {
    out.push_back((point[i] - options_.low[i]) / (options_.high[i] - options_.low[i]));
  }
  return out;
}

// Latin hypercube: in each dimension, each of the `random_points` slices is visited once.
std::vector<double> BayesianTuner::random_point(std::uint64_t number) const {
  std::vector<double> unit;
  const auto slices = static_cast<std::size_t>(options_.random_points);
  for (std::size_t d = 0; d < options_.low.size(); ++d) {
    auto random = generator(options_.seed, 1000 + d);
    std::vector<std::size_t> order(slices);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = slices; i-- > 1;) std::swap(order[i], order[random() % (i + 1)]);
    auto own = generator(options_.seed, 1'000'000 + number * 1000 + d);
    unit.push_back((static_cast<double>(order[number]) + uniform(own)) / static_cast<double>(slices));
  }
  return from_unit(unit);
}

std::vector<double> BayesianTuner::next() const {
  const auto told = evaluations_.size();
  const std::size_t starts = options_.start.empty() ? 0 : 1;
  if (told < starts) return options_.start;
  if (told - starts < static_cast<std::size_t>(options_.random_points)) return random_point(told - starts);
  if (told == 0) return from_unit(std::vector<double>(options_.low.size(), 0.5));

  std::vector<std::vector<double>> points;
  std::vector<double> values;
  for (const auto& evaluation : evaluations_) {
    points.push_back(to_unit(evaluation.point));
    values.push_back(evaluation.value);
  }
  const GaussianProcess process(points, values);
  // With noise the lowest value seen may be luck: use the lowest mean that the process predicts at the points.
  double least = INFINITY;
  for (const auto& p : process.predict(points)) least = std::min(least, p.mean);

  auto random = generator(options_.seed, 2'000'000 + told);
  const auto dimensions = options_.low.size();
  constexpr std::size_t kCandidates = 4096;
  std::vector<std::vector<double>> candidates(kCandidates, std::vector<double>(dimensions));
  for (auto& candidate : candidates) {
    for (double& x : candidate) x = uniform(random);
  }
  using Scored = std::pair<double, std::vector<double>>;
  const auto score = [&](const std::vector<std::vector<double>>& at) {
    std::vector<Scored> out;
    const auto predictions = process.predict(at);
    for (std::size_t i = 0; i < at.size(); ++i) out.emplace_back(gain(options_, predictions[i], least), at[i]);
    return out;
  };
  const auto better = [](const Scored& a, const Scored& b) { return a.first > b.first; };
  auto scored = score(candidates);
  std::stable_sort(scored.begin(), scored.end(), better);
  // The most promising ones and the best point so far are refined by shrinking random steps.
  constexpr std::size_t kRefined = 8;
  constexpr int kRounds = 12;
  constexpr std::size_t kSteps = 64;
  std::vector<std::vector<double>> seeds = {to_unit(best().point)};
  for (std::size_t i = 0; i < kRefined; ++i) seeds.push_back(scored[i].second);
  auto found = scored.front();
  for (auto& seed : score(seeds)) {
    double width = 0.1;
    for (int round = 0; round < kRounds; ++round, width *= 0.6) {
      std::vector<std::vector<double>> steps(kSteps, seed.second);
      for (auto& step : steps) {
        for (double& x : step) x = std::clamp(x + width * (2 * uniform(random) - 1), 0.0, 1.0);
      }
      const auto tried = score(steps);
      const auto top = std::min_element(tried.begin(), tried.end(), better);
      if (top->first > seed.first) seed = *top;
    }
    if (seed.first > found.first) found = seed;
  }
  return from_unit(found.second);
}

SearchBox search_box(std::span<const double> thresholds, double first, double others) {
  if (thresholds.size() < 2) throw Error("with fewer than two exits there is no threshold to tune");
  if (!(first > 0) || !(others > 0)) throw Error("the search box has no width");
  SearchBox out;
  for (std::size_t i = 0; i + 1 < thresholds.size(); ++i) {
    const double width = i == 0 ? first : others;
    // "Never" is equivalent to 0, since no value is below it; "always" has no neighbourhood to search.
    const double centre = std::max(0.0, thresholds[i]);
    if (!std::isfinite(centre) || centre >= kAlwaysLeave) {
      throw Error("threshold " + std::to_string(i) + " always exits, so later thresholds have no effect");
    }
    out.low.push_back(std::max(0.0, centre - width));
    out.high.push_back(centre + width);
  }
  return out;
}

double tuning_objective(double success, double mean_exit, double budget, double weight) {
  return -success + weight * std::max(0.0, mean_exit - budget);
}

}  // namespace deer
