// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <span>
#include <vector>

namespace deer {

/// A Gaussian process over the unit cube: Matérn kernel (5/2) with a length scale for each dimension, and white
/// noise. Its parameters maximise the marginal likelihood (L-BFGS from several starts; gradients and
/// Cholesky factors are LibTorch's, in double precision). Deterministic. Immutable; may be used from several threads.
class GaussianProcess {
 public:
  /// `points` in [0, 1]^d, all of the same d, with one value each; at least one. Values are centred and scaled here.
  /// Throws Error if sizes differ or a number is NaN or infinite.
  GaussianProcess(std::vector<std::vector<double>> points, std::vector<double> values);
  ~GaussianProcess();
  GaussianProcess(GaussianProcess&&) noexcept;
  GaussianProcess& operator=(GaussianProcess&&) noexcept;

  struct Prediction {
    double mean = 0;
    double deviation = 0;  ///< of the function, without noise
  };
  std::vector<Prediction> predict(const std::vector<std::vector<double>>& points) const;

  struct Parameters {
    std::vector<double> length_scales;
    double signal = 0;  ///< standard deviations, in units of the values
    double noise = 0;
    double log_likelihood = 0;  ///< of the scaled values
  };
  const Parameters& parameters() const;

 private:
  struct Fitted;
  std::unique_ptr<Fitted> fitted_;
};

}  // namespace deer
