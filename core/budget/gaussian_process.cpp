// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/gaussian_process.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/optim/lbfgs.h>

#include <cmath>
#include <numbers>

#include "core/base/error.h"

namespace deer {
namespace {

// Bounds of the parameters, for inputs in the unit cube and values of variance 1.
constexpr double kShortest = 0.05;
constexpr double kLongest = 20;
constexpr double kLeastNoise = 1e-3;  // standard deviations
constexpr double kMostNoise = 1;
constexpr double kLeastSignal = 0.05;
constexpr double kMostSignal = 10;
constexpr double kJitter = 1e-8;

// Maps smoothly to between two bounds on a logarithmic scale, so no step can leave them.
at::Tensor between(double low, double high, const at::Tensor& raw) {
  return at::exp(std::log(low) + (std::log(high) - std::log(low)) * at::sigmoid(raw));
}

double raw_of(double low, double high, double value) {
  const double share = (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
  return std::log(share / (1 - share));
}

at::Tensor matern(const at::Tensor& a, const at::Tensor& b, const at::Tensor& scales, const at::Tensor& signal) {
  // Pairwise differences instead of expanded squares: distances of close points stay exact.
  const auto difference = a.unsqueeze(1) / scales - b.unsqueeze(0) / scales;
  // The square root has no gradient at 0.
  const auto r = at::sqrt(5 * difference.square().sum(-1) + 1e-20);
  return signal.square() * (1 + r + r.square() / 3) * at::exp(-r);
}

at::Tensor tensor_of(const std::vector<std::vector<double>>& points, std::size_t dimensions) {
  auto out = at::empty({static_cast<std::int64_t>(points.size()), static_cast<std::int64_t>(dimensions)}, at::kDouble);
  double* to = out.data_ptr<double>();
  for (const auto& point : points) {
    if (point.size() != dimensions) {
      throw Error("a point has " + std::to_string(point.size()) + " coordinates, expected " +
                  std::to_string(dimensions));
    }
    for (const double x : point) {
      if (!std::isfinite(x)) throw Error("a coordinate is not a number");
      *to++ = x;
    }
  }
  return out;
}

}  // namespace

struct GaussianProcess::Fitted {
  at::Tensor points;  // [n, d]
  at::Tensor scales;
  at::Tensor signal;
  at::Tensor cholesky;
  at::Tensor weights;  // K^-1 y
  double centre = 0;
  double spread = 1;
  Parameters parameters;

  at::Tensor kernel(const at::Tensor& l, const at::Tensor& s, const at::Tensor& noise) const {
    return matern(points, points, l, s) +
           (noise.square() + kJitter) * at::eye(points.size(0), at::TensorOptions(at::kDouble));
  }

  at::Tensor log_likelihood(const at::Tensor& k, const at::Tensor& y) const {
    const auto chol = at::linalg_cholesky(k);
    const auto alpha = at::cholesky_solve(y, chol);
    const double n = static_cast<double>(points.size(0));
    return -0.5 * at::mul(y, alpha).sum() - chol.diagonal().log().sum() - 0.5 * n * std::log(2 * std::numbers::pi);
  }

  // One optimisation from `raw` [d + 2]: length scales, signal, noise. Returns the likelihood reached.
  double climb(at::Tensor& raw, const at::Tensor& y) const {
    const auto d = points.size(1);
    const auto likelihood = [&](const at::Tensor& at_raw) {
      // A weak prior towards the middle: with few points the likelihood is flat.
      const auto pull = 0.01 * at_raw.square().sum();
      return log_likelihood(
                 kernel(between(kShortest, kLongest, at_raw.narrow(0, 0, d)),
                        between(kLeastSignal, kMostSignal, at_raw[d]), between(kLeastNoise, kMostNoise, at_raw[d + 1])),
                 y) -
             pull;
    };
    raw.requires_grad_(true);
    torch::optim::LBFGS optimizer(
        std::vector<at::Tensor>{raw},
        torch::optim::LBFGSOptions(1).max_iter(40).line_search_fn(std::string("strong_wolfe")));
    try {
      optimizer.step([&] {
        optimizer.zero_grad();
        auto loss = -likelihood(raw);
        loss.backward();
        return loss;
      });
    } catch (const c10::Error&) {
      // No Cholesky factor at these parameters: the optimisation ends here.
    }
    const c10::NoGradGuard no_grad;
    raw = raw.detach();
    if (!at::isfinite(raw).all().item<bool>()) return -INFINITY;
    try {
      return likelihood(raw).item<double>();
    } catch (const c10::Error&) {
      return -INFINITY;
    }
  }
};

GaussianProcess::GaussianProcess(std::vector<std::vector<double>> points, std::vector<double> values)
    : fitted_(std::make_unique<Fitted>()) {
  if (points.empty() || points.size() != values.size() || points.front().empty()) {
    throw Error("a Gaussian process needs points and one value for each");
  }
  auto& f = *fitted_;
  const auto n = static_cast<std::int64_t>(points.size());
  const auto d = static_cast<std::int64_t>(points.front().size());
  f.points = tensor_of(points, points.front().size());
  auto y = at::empty({n, 1}, at::kDouble);
  for (std::int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(values[static_cast<std::size_t>(i)])) throw Error("a value is not a number");
    y[i][0] = values[static_cast<std::size_t>(i)];
  }
  f.centre = y.mean().item<double>();
  const double deviation = n > 1 ? y.std().item<double>() : 0;
  f.spread = deviation > 0 ? deviation : 1;
  y = (y - f.centre) / f.spread;

  const c10::AutoGradMode with_gradients(true);
  at::Tensor best;
  double best_likelihood = -INFINITY;
  for (const double scale : {0.2, 1.0}) {
    for (const double noise : {0.01, 0.3}) {
      auto raw = at::full({d + 2}, raw_of(kShortest, kLongest, scale), at::kDouble);
      raw[d] = raw_of(kLeastSignal, kMostSignal, 1.0);
      raw[d + 1] = raw_of(kLeastNoise, kMostNoise, noise);
      const double likelihood = f.climb(raw, y);
      if (!best.defined() || likelihood > best_likelihood) {
        best = raw;
        best_likelihood = likelihood;
      }
    }
  }
  const c10::NoGradGuard no_grad;
  if (!std::isfinite(best_likelihood)) throw Error("a Gaussian process cannot be fitted to these values");
  f.scales = between(kShortest, kLongest, best.narrow(0, 0, d));
  f.signal = between(kLeastSignal, kMostSignal, best[d]);
  const auto noise = between(kLeastNoise, kMostNoise, best[d + 1]);
  f.cholesky = at::linalg_cholesky(f.kernel(f.scales, f.signal, noise));
  f.weights = at::cholesky_solve(y, f.cholesky);
  for (std::int64_t i = 0; i < d; ++i) f.parameters.length_scales.push_back(f.scales[i].item<double>());
  f.parameters.signal = f.signal.item<double>() * f.spread;
  f.parameters.noise = noise.item<double>() * f.spread;
  f.parameters.log_likelihood = best_likelihood;
}

GaussianProcess::~GaussianProcess() = default;
GaussianProcess::GaussianProcess(GaussianProcess&&) noexcept = default;
GaussianProcess& GaussianProcess::operator=(GaussianProcess&&) noexcept = default;

const GaussianProcess::Parameters& GaussianProcess::parameters() const { return fitted_->parameters; }

std::vector<GaussianProcess::Prediction> GaussianProcess::predict(
    const std::vector<std::vector<double>>& points) const {
  if (points.empty()) return {};
  const c10::NoGradGuard no_grad;
  const auto& f = *fitted_;
  const auto x = tensor_of(points, static_cast<std::size_t>(f.points.size(1)));
  const auto across = matern(f.points, x, f.scales, f.signal);  // [n, m]
  const auto mean = at::matmul(across.t(), f.weights).squeeze(1) * f.spread + f.centre;
  const auto solved = at::linalg_solve_triangular(f.cholesky, across, /*upper=*/false);
  const auto variance = (f.signal.square() - solved.square().sum(0)).clamp_min(0);
  const auto deviation = (variance.sqrt() * f.spread).contiguous();
  const auto means = mean.contiguous();
  std::vector<Prediction> out;
  for (std::int64_t i = 0; i < means.size(0); ++i) {
    out.push_back({means.data_ptr<double>()[i], deviation.data_ptr<double>()[i]});
  }
  return out;
}

}  // namespace deer
