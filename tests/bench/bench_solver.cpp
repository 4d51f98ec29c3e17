// SPDX-License-Identifier: GPL-3.0-or-later
// The threshold solver's time against the reference's algorithm, as ratios in one run. The reference is taken
// twice: with tensors read element by element, as its Python does (in C++, so without the interpreter's share), and
// with the same loops over plain arrays. Usage: bench_solver [SAMPLES [EXITS]]
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>

#include "core/base/error.h"
#include "core/budget/budget_solver.h"
#include "core/budget/family_search.h"
#include "core/budget/optimal_thresholds.h"
#include "core/model/cpu_setup.h"
#include "tests/core/budget/make_set.h"

using namespace deer;

namespace {

// CPU time: what else the machine does counts little. One thread.
double best_ms(int rounds, const std::function<void()>& work) {
  double best = INFINITY;
  for (int i = 0; i < rounds; ++i) {
    const auto start = std::clock();
    work();
    best = std::min(best, 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return best;
}

// Sorts every row, then walks each in order of value and counts whom no earlier exit took, element by element.
std::vector<float> reference_with_tensors(const at::Tensor& values, const std::vector<float>& shares) {
  const auto exits = values.size(0);
  const auto samples = values.size(1);
  const auto order = std::get<1>(values.sort(1));
  auto filtered = at::zeros({samples});
  std::vector<float> thresholds(static_cast<std::size_t>(exits), -1e8F);
  for (std::int64_t exit = 0; exit + 1 < exits; ++exit) {
    const auto want =
        static_cast<std::int64_t>(std::floor(static_cast<float>(samples) * shares[static_cast<std::size_t>(exit)]));
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < samples; ++i) {
      const auto sample = order[exit][i].item<std::int64_t>();
      if (filtered[sample].item<float>() != 0) continue;
      if (++count == want) {
        thresholds[static_cast<std::size_t>(exit)] = values[exit][sample].item<float>();
        break;
      }
    }
    filtered.add_(values[exit].le(thresholds[static_cast<std::size_t>(exit)]).to(at::kFloat));
  }
  thresholds.back() = 1e8F;
  return thresholds;
}

std::vector<float> reference_with_arrays(const CalibrationSet& set, const std::vector<float>& shares) {
  const auto samples = static_cast<std::size_t>(set.samples());
  std::vector<std::vector<std::size_t>> order;
  for (const auto& row : set.values) {
    auto& ids = order.emplace_back(samples);
    for (std::size_t i = 0; i < samples; ++i) ids[i] = i;
    std::sort(ids.begin(), ids.end(), [&](std::size_t a, std::size_t b) { return row[a] < row[b]; });
  }
  std::vector<float> filtered(samples, 0);
  std::vector<float> thresholds(set.values.size(), -1e8F);
  for (std::size_t exit = 0; exit + 1 < set.values.size(); ++exit) {
    const auto& row = set.values[exit];
    const auto want = static_cast<std::int64_t>(std::floor(static_cast<float>(samples) * shares[exit]));
    std::int64_t count = 0;
    for (const auto sample : order[exit]) {
      if (filtered[sample] != 0) continue;
      if (++count == want) {
        thresholds[exit] = row[sample];
        break;
      }
    }
    for (std::size_t i = 0; i < samples; ++i) filtered[i] += row[i] <= thresholds[exit] ? 1.0F : 0.0F;
  }
  thresholds.back() = 1e8F;
  return thresholds;
}

}  // namespace

int main(int argc, char** argv) {
  set_up_cpu(argv);
  at::set_num_threads(1);
  const int samples = argc > 1 ? std::max(10, std::atoi(argv[1])) : 100000;
  const int exits = argc > 2 ? std::clamp(std::atoi(argv[2]), 2, 200) : 6;
  try {
    const auto set = test::made_set(exits, samples, 1);
    auto flat = set.flat();
    const auto tensor = at::from_blob(flat.data(), {exits, samples}, at::kFloat);
    const CalibrationValues view{flat, exits, samples};
    const auto shares = target_shares(ExitDistribution::exponential, 1.3, exits, false);
    std::printf("%d samples of %d exits\n\n%-58s %10s %10s\n", samples, exits, "thresholds for given shares", "ms",
                "times");
    std::vector<float> expected;
    const double tensors = best_ms(1, [&] { expected = reference_with_tensors(tensor, shares); });
    std::vector<float> found;
    const double arrays = best_ms(3, [&] { found = reference_with_arrays(set, shares); });
    if (found != expected) throw Error("the two references differ");
    const auto line = [&](const char* name, double ms, double against) {
      std::printf("%-58s %10.3f %10.1f\n", name, ms, against / ms);
    };
    line("reference, tensors element by element", tensors, tensors);
    line("reference, the same loops over arrays", arrays, tensors);
    const double once = best_ms(5, [&] { found = solve_thresholds(view, shares); });
    if (found != expected) throw Error("the solver differs from the reference");
    line("solve_thresholds, from nothing", once, tensors);
    const double prepare = best_ms(3, [&] { PreparedCalibration copy(set); });
    line("PreparedCalibration, made once", prepare, tensors);
    const PreparedCalibration prepared(set);
    const double asked = best_ms(20, [&] { found = prepared.solve(shares).thresholds; });
    if (found != expected) throw Error("the prepared solver differs from the reference");
    line("PreparedCalibration, asked", asked, tensors);
    std::printf("%-58s %10s %10.1f\n", "  against the loops over arrays", "", arrays / asked);

    std::vector<int> layers;
    std::vector<double> depth;
    for (int i = 0; i < exits; ++i) {
      layers.push_back(2 * i + 1);
      depth.push_back(2 * i + 2);
    }
    const auto costs = exit_costs(layers);
    BudgetRequest request;
    request.average_depth = exits;
    std::printf("\n%-58s %10s %10s\n", "thresholds for an average budget", "ms", "error");
    const auto budget_line = [&](const char* name, const PreparedCalibration& of) {
      BudgetSolution solution;
      const double ms = best_ms(3, [&] { solution = solve_budget(of, costs, request); });
      std::printf("%-58s %10.3f %10.6f\n", name, ms, prepared.evaluate(solution.thresholds).mean_error);
    };
    budget_line("exponential", prepared);
    request.method = ThresholdMethod::gaussian;
    budget_line("Gaussian", prepared);
    request.method = ThresholdMethod::gamma;
    budget_line("gamma", prepared);
    request.method = ThresholdMethod::optimal;
    budget_line("optimal", prepared);
    request.quick = true;
    budget_line("optimal, quick", prepared);
    const auto part = prepared.subsample(2000);
    budget_line("optimal, quick, from 2,000 samples", part);
    const double curve = best_ms(1, [&] { (void)optimal_curve(prepared, depth, 40); });
    std::printf("%-58s %10.1f\n", "the whole optimal curve, 40 points", curve);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_solver: %s\n", error.what());
    return 1;
  }
  return 0;
}
