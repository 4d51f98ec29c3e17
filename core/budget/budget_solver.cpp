// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/budget_solver.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/budget/family_search.h"
#include "core/budget/optimal_thresholds.h"

namespace deer {
namespace {

constexpr std::pair<const char*, ThresholdMethod> kMethods[] = {{"exp", ThresholdMethod::exponential},
                                                                {"gauss", ThresholdMethod::gaussian},
                                                                {"gamma", ThresholdMethod::gamma},
                                                                {"optimal", ThresholdMethod::optimal}};
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kSlack = 1e-9;  // relative tolerance of a bound, for sums of rounded numbers

struct ConstraintText {
  const char* name;
  const char* unit;
  double scale;  // from the unit of the request to that of the message
};

ConstraintText text_of(Constraint constraint) {
  switch (constraint) {
    case Constraint::average_gflops:
      return {"an average", "GFLOPs", 1};
    case Constraint::average_depth:
      return {"an average depth", "layers", 1};
    case Constraint::average_ms:
      return {"an average", "ms", 1};
    case Constraint::peak_gflops:
      return {"a peak", "GFLOPs", 1};
    case Constraint::peak_ms:
      return {"a peak", "ms", 1};
    case Constraint::memory:
      return {"a memory", "GB", 1e-9};
    case Constraint::max_layer:
      return {"a max layer", "layers", 1};
  }
  return {"", "", 1};
}

std::string unmet_text(const ConstraintState& state, bool solved) {
  const auto label = text_of(state.constraint);
  const auto amount = [&](double value) { return general_text(value * label.scale, 4) + " " + label.unit; };
  const auto asked = label.name + (" of " + amount(state.asked));
  if (!solved) return asked + " is not met: it is " + amount(state.got);
  return asked + " is infeasible; the minimum is " + amount(state.least);
}

ExitDistribution family_of(ThresholdMethod method) {
  switch (method) {
    case ThresholdMethod::gaussian:
      return ExitDistribution::gaussian;
    case ThresholdMethod::gamma:
      return ExitDistribution::gamma;
    default:
      return ExitDistribution::exponential;
  }
}

std::vector<double> depths(const std::vector<int>& layers) {
  std::vector<double> out;
  for (const int layer : layers) out.push_back(layer + 1.0);
  return out;
}

class Solver {
 public:
  Solver(const PreparedCalibration& set, const ExitCosts& costs, const BudgetRequest& request)
      : set_(set), costs_(costs), request_(request), depth_(depths(costs.exit_layers)) {
    check_costs();
    if (!request.locked.empty() && request.locked.size() != costs.size()) {
      throw Error(std::to_string(request.locked.size()) + " locked thresholds given, expected " +
                  std::to_string(costs.size()) + " (NaN: not locked)");
    }
    add_peak(Constraint::peak_gflops, request.peak_gflops, gflops());
    add_peak(Constraint::peak_ms, request.peak_ms, costs.milliseconds);
    std::vector<double> bytes;
    for (const auto& use : costs.memory) bytes.push_back(static_cast<double>(use.total()));
    add_peak(Constraint::memory, request.memory_bytes, std::move(bytes));
    if (request.max_layer) add_peak(Constraint::max_layer, static_cast<double>(*request.max_layer), depth_);
    add_average(Constraint::average_gflops, request.average_gflops, gflops());
    add_average(Constraint::average_depth, request.average_depth, depth_);
    add_average(Constraint::average_ms, request.average_ms, costs.milliseconds);
  }

  BudgetSolution solve(const std::stop_token& stop) {
    if (!find_allowed()) return std::move(solution_);
    bool met = true;
    if (all_may_go_deepest()) {
      set_outcome(set_.evaluate(deepest_thresholds()));
    } else if (request_.method == ThresholdMethod::optimal) {
      met = solve_optimal(stop);
    } else {
      const auto found =
          search_family(set_, allowed_, bounds(), family_of(request_.method), request_.skip_first, locked());
      solution_.parameter = found.parameter;
      set_outcome(found.outcome);
      met = found.met;
      // The shallowest member is the closest possible.
      if (!met) set_least();
    }
    check_constraints(true);
    if (!met && solution_.problem.empty()) solution_.problem = "the limits cannot be met together";
    solution_.feasible = solution_.problem.empty();
    return std::move(solution_);
  }

  BudgetSolution evaluate(const std::vector<float>& thresholds) {
    if (thresholds.empty() || thresholds.size() > costs_.size()) {
      throw Error(std::to_string(thresholds.size()) + " thresholds given, expected 1 to " +
                  std::to_string(costs_.size()));
    }
    for (const float threshold : thresholds) {
      if (std::isnan(threshold)) throw Error("a threshold is not a number");
    }
    allowed_ = thresholds.size();
    set_outcome(set_.evaluate(thresholds));
    check_constraints(false);
    solution_.feasible = solution_.problem.empty();
    return std::move(solution_);
  }

 private:
  struct Limit {
    Constraint constraint;
    double most;
    std::vector<double> costs;  // by exit
    double least = 0;
  };

  const std::vector<double>& gflops() const {
    return request_.scope == GflopScope::llm ? costs_.llm_gflops : costs_.total_gflops;
  }

  void check_costs() const {
    if (costs_.size() == 0 || costs_.size() != static_cast<std::size_t>(set_.exits())) {
      throw Error("the calibration set has " + std::to_string(set_.exits()) + " exits, the costs have " +
                  std::to_string(costs_.size()));
    }
    const auto& layers = set_.set().exit_layers;
    if (!layers.empty() && layers != costs_.exit_layers) {
      throw Error("the calibration set was made with a model that has different exits than the costs");
    }
  }

  Limit make_limit(Constraint constraint, double most, std::vector<double> costs) const {
    if (!std::isfinite(most)) throw Error("the budget '" + std::string(to_string(constraint)) + "' is not a number");
    if (costs.size() != costs_.size()) {
      const bool time = constraint == Constraint::average_ms || constraint == Constraint::peak_ms;
      throw Error("the budget '" + std::string(to_string(constraint)) + "' needs " +
                  (time ? "timings of this model (deer bench)" : "the model's sizes"));
    }
    const double least = costs.front();
    return {constraint, most, std::move(costs), least};
  }

  void add_peak(Constraint constraint, std::optional<double> most, std::vector<double> costs) {
    if (most) peaks_.push_back(make_limit(constraint, *most, std::move(costs)));
  }
  void add_average(Constraint constraint, std::optional<double> most, std::vector<double> costs) {
    if (most) averages_.push_back(make_limit(constraint, *most, std::move(costs)));
  }

  static bool fits(double cost, double most) { return cost <= most + kSlack * std::abs(most); }

  // Exits allowed by every peak.
  bool find_allowed() {
    allowed_ = costs_.size();
    for (const auto& peak : peaks_) {
      std::size_t count = 0;
      while (count < allowed_ && fits(peak.costs[count], peak.most)) ++count;
      allowed_ = count;
    }
    if (allowed_ > 0) return true;
    fill_unknown();
    for (const auto& peak : peaks_) {
      ConstraintState state{peak.constraint, peak.most, kNan, peak.least, fits(peak.least, peak.most), false};
      if (!state.met) {
        if (!solution_.problem.empty()) solution_.problem += "; ";
        solution_.problem += unmet_text(state, true);
        state.binds = true;
      }
      solution_.constraints.push_back(state);
    }
    for (const auto& average : averages_) {
      solution_.constraints.push_back({average.constraint, average.most, kNan, average.least, false, false});
    }
    return false;
  }

  void fill_unknown() {
    solution_.samples = set_.samples();
    solution_.estimate = set_.is_subsample();
    solution_.mean_error = solution_.mean_recorded_error = kNan;
    for (auto* cost : {&solution_.depth, &solution_.llm_gflops, &solution_.total_gflops, &solution_.milliseconds}) {
      *cost = {kNan, kNan};
    }
  }

  std::span<const float> locked() const {
    return std::span(request_.locked).first(request_.locked.empty() ? 0 : allowed_);
  }

  bool has_locked() const {
    const auto held = locked();
    // The deepest allowed exit takes the rest, whatever its threshold.
    return !held.empty() && std::any_of(held.begin(), held.end() - 1, [](float t) { return !std::isnan(t); });
  }

  std::vector<float> deepest_thresholds() const {
    std::vector<float> out(allowed_, static_cast<float>(kNeverLeave));
    const auto held = locked();
    for (std::size_t i = 0; i + 1 < held.size(); ++i) {
      if (!std::isnan(held[i])) out[i] = held[i];
    }
    out.back() = static_cast<float>(kAlwaysLeave);
    return out;
  }

  bool all_may_go_deepest() const {
    return std::all_of(averages_.begin(), averages_.end(),
                       [&](const Limit& limit) { return fits(limit.costs[allowed_ - 1], limit.most); });
  }

  std::vector<MeanBound> bounds() const {
    std::vector<MeanBound> out;
    for (const auto& limit : averages_) out.push_back({std::span(limit.costs).first(allowed_), limit.most});
    return out;
  }

  bool meets_all(const std::vector<std::int64_t>& counts) const {
    return std::all_of(averages_.begin(), averages_.end(), [&](const Limit& limit) {
      return fits(mean_cost(counts, std::span(limit.costs).first(counts.size())), limit.most);
    });
  }

  bool solve_optimal(const std::stop_token& stop) {
    OptimalOptions options;
    options.quick = request_.quick;
    options.locked.assign(locked().begin(), locked().end());
    options.stop = stop;
    // If the optimum under one limit meets the others, it is the optimum under all.
    for (const auto& limit : averages_) {
      if (!reachable(limit)) continue;
      const auto found = optimal_thresholds(set_, std::span(limit.costs).first(allowed_), limit.most, options);
      if (!meets_all(found.counts)) continue;
      set_outcome(found);
      return true;
    }
    // Bounding the largest cost relative to its limit bounds all of them.
    std::vector<double> shares(allowed_, 0.0);
    for (const auto& limit : averages_) {
      for (std::size_t i = 0; i < allowed_; ++i) {
        shares[i] = std::max(shares[i], limit.most > 0 ? limit.costs[i] / limit.most : 1e9);
      }
    }
    if (averages_.size() > 1 &&
        std::all_of(averages_.begin(), averages_.end(), [&](const Limit& w) { return reachable(w) && w.most > 0; }) &&
        !has_locked()) {
      set_outcome(optimal_thresholds(set_, shares, 1.0, options));
      return true;
    }
    std::vector<float> first(allowed_, static_cast<float>(kAlwaysLeave));
    const auto held = locked();
    for (std::size_t i = 0; i + 1 < held.size(); ++i) {
      if (!std::isnan(held[i])) first[i] = held[i];
    }
    first.back() = static_cast<float>(kAlwaysLeave);
    set_outcome(set_.evaluate(first));
    set_least();
    return false;
  }

  // Is it infeasible even if every sample exits as early as the locked thresholds allow?
  bool reachable(const Limit& limit) const {
    if (!has_locked()) return fits(limit.costs.front(), limit.most);
    std::vector<float> early(allowed_, static_cast<float>(kAlwaysLeave));
    const auto held = locked();
    for (std::size_t i = 0; i + 1 < held.size(); ++i) {
      if (!std::isnan(held[i])) early[i] = held[i];
    }
    const auto counts = set_.evaluate(early).counts;
    return fits(mean_cost(counts, std::span(limit.costs).first(allowed_)), limit.most);
  }

  // The means of this solution are the minimum.
  void set_least() {
    for (auto& limit : averages_) limit.least = mean_cost(solution_.counts, std::span(limit.costs).first(allowed_));
  }

  MeanAndPeak mean_and_peak(const std::vector<double>& costs) const {
    if (costs.size() != costs_.size()) return {kNan, kNan};
    const auto known = std::span(costs).first(allowed_);
    return {mean_cost(solution_.counts, known), known.back()};
  }

  void set_outcome(const CalibrationOutcome& outcome) {
    fill_unknown();
    solution_.exit_layers.assign(costs_.exit_layers.begin(),
                                 costs_.exit_layers.begin() + static_cast<std::ptrdiff_t>(allowed_));
    solution_.thresholds = outcome.thresholds;
    solution_.counts = outcome.counts;
    solution_.mean_error = outcome.mean_error;
    solution_.mean_recorded_error = recorded_error();
    solution_.depth = mean_and_peak(depth_);
    solution_.llm_gflops = mean_and_peak(costs_.llm_gflops);
    solution_.total_gflops = mean_and_peak(costs_.total_gflops);
    solution_.milliseconds = mean_and_peak(costs_.milliseconds);
    if (!costs_.memory.empty()) solution_.memory = costs_.memory[allowed_ - 1];
    solution_.saving = costs_.llm_gflops.empty() ? 1 - solution_.depth.mean / depth_.back()
                                                 : 1 - solution_.llm_gflops.mean / costs_.llm_gflops.back();
  }

  double recorded_error() const {
    const auto& rows = set_.set().recorded_errors;
    if (rows.empty()) return kNan;
    const auto taken = set_.exits_taken(solution_.thresholds);
    double sum = 0;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const float error = rows[taken[i]][i];
      if (std::isnan(error)) continue;
      sum += error;
      ++count;
    }
    return count > 0 ? sum / static_cast<double>(count) : kNan;
  }

  // Which constraints are met, and which are binding.
  void check_constraints(bool solved) {
    std::string problem;
    const auto add = [&](const ConstraintState& state) {
      if (!state.met) problem += (problem.empty() ? "" : "; ") + unmet_text(state, solved);
      if (state.least_is_of_method) {
        problem +=
            " with " + std::string(to_string(request_.method)) + (has_locked() ? " and the locked thresholds" : "");
      }
      solution_.constraints.push_back(state);
    };
    for (const auto& peak : peaks_) {
      const double got = peak.costs[allowed_ - 1];
      ConstraintState state{peak.constraint, peak.most, got, peak.least, fits(got, peak.most), false};
      state.binds = !state.met || (allowed_ < costs_.size() && !fits(peak.costs[allowed_], peak.most));
      add(state);
    }
    for (const auto& average : averages_) {
      const auto costs = std::span(average.costs).first(allowed_);
      const double got = mean_cost(solution_.counts, costs);
      ConstraintState state{average.constraint, average.most, got, average.least, fits(got, average.most), false};
      // Binding if one more sample at the deepest exit would violate it (or ten, with rounding).
      const double step = 10 * (costs.back() - costs.front()) / static_cast<double>(set_.samples());
      state.binds = !state.met || (!fits(costs.back(), average.most) && got + step > average.most);
      state.least_is_of_method = !state.met && solved && !fits(average.least, costs.front());
      add(state);
    }
    solution_.problem = std::move(problem);
  }

  const PreparedCalibration& set_;
  const ExitCosts& costs_;
  const BudgetRequest& request_;
  std::vector<double> depth_;
  std::vector<Limit> peaks_;
  std::vector<Limit> averages_;
  std::size_t allowed_ = 0;
  BudgetSolution solution_;
};

}  // namespace

bool BudgetRequest::operator==(const BudgetRequest& other) const {
  const auto limits = [](const BudgetRequest& r) {
    return std::tie(r.average_gflops, r.average_depth, r.average_ms, r.peak_gflops, r.peak_ms, r.memory_bytes,
                    r.max_layer, r.scope, r.method, r.skip_first, r.quick);
  };
  return limits(*this) == limits(other) &&
         std::equal(locked.begin(), locked.end(), other.locked.begin(), other.locked.end(),
                    [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); });
}

ThresholdMethod parse_threshold_method(std::string_view name) {
  for (const auto& [known, method] : kMethods) {
    if (name == known) return method;
  }
  throw Error("exit distribution '" + printable(name) + "' is unknown; use one of exp, gauss, gamma, optimal");
}

std::string_view to_string(ThresholdMethod method) {
  for (const auto& [name, known] : kMethods) {
    if (known == method) return name;
  }
  return "unknown";
}

std::string_view to_string(Constraint constraint) {
  switch (constraint) {
    case Constraint::average_gflops:
      return "average GFLOPs";
    case Constraint::average_depth:
      return "average depth";
    case Constraint::average_ms:
      return "average ms";
    case Constraint::peak_gflops:
      return "peak GFLOPs";
    case Constraint::peak_ms:
      return "peak ms";
    case Constraint::memory:
      return "memory";
    case Constraint::max_layer:
      return "max layer";
  }
  return "unknown";
}

BudgetSolution solve_budget(const PreparedCalibration& set, const ExitCosts& costs, const BudgetRequest& request,
                            std::stop_token stop) {
  return Solver(set, costs, request).solve(stop);
}

BudgetSolution evaluate_thresholds(const PreparedCalibration& set, const ExitCosts& costs,
                                   const std::vector<float>& thresholds, const BudgetRequest& request) {
  return Solver(set, costs, request).evaluate(thresholds);
}

}  // namespace deer
