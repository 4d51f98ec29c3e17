// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace deer {

/// How the next point is chosen.
enum class Acquisition {
  expected_improvement,
  lower_confidence_bound,
  probability_of_improvement,
};

/// "EI", "LCB", "PI", as in the reference. Throws Error that lists the accepted names.
Acquisition parse_acquisition(std::string_view name);
std::string_view to_string(Acquisition acquisition);

struct TunerOptions {
  std::vector<double> low;  ///< bounds of the search box, one per dimension
  std::vector<double> high;
  std::vector<double> start;  ///< evaluated first; inside the box
  int random_points = 10;     ///< after the start, before the process is used (the reference's library: 10)
  Acquisition acquisition = Acquisition::expected_improvement;
  double xi = 0.01;     ///< required improvement, in units of the values (EI, PI)
  double kappa = 1.96;  ///< standard deviations below the mean (LCB)
  std::uint64_t seed = 1;
};

struct Evaluation {
  std::vector<double> point;
  double value = 0;  ///< to be minimised
};

/// Bayesian optimisation: minimises a costly function over a box. The next point depends only on the options and the
/// evaluations added so far, so a killed run resumes without any difference. Not thread-safe.
class BayesianTuner {
 public:
  /// Throws Error if the box is empty or misshapen.
  explicit BayesianTuner(TunerOptions options);

  const TunerOptions& options() const { return options_; }
  const std::vector<Evaluation>& evaluations() const { return evaluations_; }

  /// Throws Error if the point has the wrong dimension or the value is not a number.
  void add(Evaluation evaluation);

  /// The next point to evaluate.
  std::vector<double> next() const;

  /// The lowest value so far, the first of equals. Throws Error if there is none.
  const Evaluation& best() const;

 private:
  std::vector<double> random_point(std::uint64_t number) const;
  std::vector<double> from_unit(const std::vector<double>& unit) const;
  std::vector<double> to_unit(const std::vector<double>& point) const;

  TunerOptions options_;
  std::vector<Evaluation> evaluations_;
};

/// The reference's box around offline thresholds: ±0.02 around the first, ±0.002 around the others; the last, which
/// always exits, is not searched. No bound is below 0: smaller thresholds never exit, just as 0.
struct SearchBox {
  std::vector<double> low;
  std::vector<double> high;
};
SearchBox search_box(std::span<const double> thresholds, double first = 0.02, double others = 0.002);

/// The reference's objective: minus the success, and `weight` for each layer (or other unit of the mean)
/// that the mean exit lies above the budget.
double tuning_objective(double success, double mean_exit, double budget, double weight = 1);

}  // namespace deer
