// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace deer {

/// A parameter to create: its shape and initial value.
struct ParameterSpec {
  enum class Start { normal, zeros, ones };

  std::string name;
  std::vector<std::int64_t> shape;
  Start start = Start::normal;
  double deviation = 0;  ///< of Start::normal
  bool decays = false;   ///< weight decay applies
};

/// Parameters of a small network in one float32 vector, so that an optimiser step is a few vector
/// operations and several threads can have separate gradients.
class FlatParameters {
 public:
  /// Draws the initial values; identical for the same seed.
  FlatParameters(std::vector<ParameterSpec> specs, std::uint64_t seed);

  at::Tensor& values() { return values_; }              ///< float32 [P]
  const at::Tensor& values() const { return values_; }  ///< float32 [P]
  const at::Tensor& decays() const { return decays_; }  ///< float32 [P], 1 or 0
  const std::vector<ParameterSpec>& specs() const { return specs_; }

  /// Parameters by name as views of `flat` [P].
  std::map<std::string, at::Tensor> views(const at::Tensor& flat) const;

  /// Leaf tensors by name that share memory with `values` [P] and collect gradients in `gradients` [P].
  std::map<std::string, at::Tensor> leaves(const at::Tensor& values, const at::Tensor& gradients) const;

 private:
  std::vector<ParameterSpec> specs_;
  at::Tensor values_, decays_;
};

/// AdamW over one vector.
struct FlatAdam {
  at::Tensor first_moment, second_moment;  ///< float32 [P]
  double beta1 = 0.9, beta2 = 0.98, epsilon = 1e-8;

  explicit FlatAdam(std::int64_t count);
  /// `step` counts from 1. Decay is decoupled: values shrink by learning_rate * weight_decay.
  void update(FlatParameters& parameters, const at::Tensor& gradients, std::int64_t step, double learning_rate,
              double weight_decay);
};

}  // namespace deer
