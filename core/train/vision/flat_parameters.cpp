// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/flat_parameters.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <functional>
#include <numeric>

namespace deer {
namespace {

std::int64_t count_of(const ParameterSpec& spec) {
  return std::accumulate(spec.shape.begin(), spec.shape.end(), std::int64_t{1}, std::multiplies<>());
}

}  // namespace

FlatParameters::FlatParameters(std::vector<ParameterSpec> specs, std::uint64_t seed) : specs_(std::move(specs)) {
  std::int64_t total = 0;
  for (const auto& spec : specs_) total += count_of(spec);
  values_ = at::zeros({total}, at::kFloat);
  decays_ = at::zeros({total}, at::kFloat);
  auto generator = at::detail::createCPUGenerator(seed);
  auto values = views(values_);
  auto decays = views(decays_);
  for (const auto& spec : specs_) {
    if (spec.start == ParameterSpec::Start::normal) {
      values.at(spec.name).normal_(0, spec.deviation, generator);
    } else {
      values.at(spec.name).fill_(spec.start == ParameterSpec::Start::ones ? 1 : 0);
    }
    decays.at(spec.name).fill_(spec.decays ? 1 : 0);
  }
}

std::map<std::string, at::Tensor> FlatParameters::views(const at::Tensor& flat) const {
  std::map<std::string, at::Tensor> out;
  std::int64_t at = 0;
  for (const auto& spec : specs_) {
    const auto count = count_of(spec);
    out[spec.name] = flat.narrow(0, at, count).view(spec.shape);
    at += count;
  }
  return out;
}

std::map<std::string, at::Tensor> FlatParameters::leaves(const at::Tensor& values, const at::Tensor& gradients) const {
  auto out = views(values);
  auto grads = views(gradients);
  for (auto& [name, tensor] : out) {
    tensor = tensor.detach().requires_grad_(true);
    tensor.mutable_grad() = grads.at(name);
  }
  return out;
}

FlatAdam::FlatAdam(std::int64_t count)
    : first_moment(at::zeros({count}, at::kFloat)), second_moment(at::zeros({count}, at::kFloat)) {}

void FlatAdam::update(FlatParameters& parameters, const at::Tensor& gradients, std::int64_t step, double learning_rate,
                      double weight_decay) {
  first_moment.mul_(beta1).add_(gradients, 1 - beta1);
  second_moment.mul_(beta2).addcmul_(gradients, gradients, 1 - beta2);
  const double steps = static_cast<double>(step);
  const double scale = learning_rate / (1 - std::pow(beta1, steps));
  const auto deviation = (second_moment / (1 - std::pow(beta2, steps))).sqrt_().add_(epsilon);
  if (weight_decay > 0) parameters.values().mul_(1 - parameters.decays() * (learning_rate * weight_decay));
  parameters.values().addcdiv_(first_moment, deviation, -scale);
}

}  // namespace deer
