// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/method/optimizer.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/api/include/torch/version.h>
#include <torch/optim/adamw.h>

#include <algorithm>

#include "core/base/error.h"

namespace deer {
namespace {

// LibTorch 2 finds a parameter's state by address, older ones by the address as text.
auto state_key(const at::Tensor& parameter) {
#if TORCH_VERSION_MAJOR >= 2
  return static_cast<void*>(parameter.unsafeGetTensorImpl());
#else
  return c10::guts::to_string(parameter.unsafeGetTensorImpl());
#endif
}

}  // namespace

struct Optimizer::Adam {
  explicit Adam(std::vector<torch::optim::OptimizerParamGroup> groups) : adamw(std::move(groups)) {}
  torch::optim::AdamW adamw;
};

Optimizer::Optimizer(const ParameterMap& trainable, std::vector<ParameterGroup> groups)
    : groups_(std::move(groups)), parameters_(trainable) {
  std::erase_if(groups_, [](const ParameterGroup& group) { return group.parameters.empty(); });
  std::vector<torch::optim::OptimizerParamGroup> native;
  for (const auto& group : groups_) {
    std::vector<at::Tensor> tensors;
    for (const auto& name : group.parameters) tensors.push_back(trainable.at(name));
    auto options = std::make_unique<torch::optim::AdamWOptions>(group.learning_rate);
    options->weight_decay(group.weight_decay);
    native.emplace_back(std::move(tensors), std::move(options));
  }
  adam_ = std::make_unique<Adam>(std::move(native));
}

Optimizer::~Optimizer() = default;
Optimizer::Optimizer(Optimizer&&) noexcept = default;
Optimizer& Optimizer::operator=(Optimizer&&) noexcept = default;

void Optimizer::set_schedule(double factor) {
  auto& native = adam_->adamw.param_groups();
  for (std::size_t i = 0; i < native.size(); ++i) native[i].options().set_lr(groups_[i].learning_rate * factor);
}

void Optimizer::step() { adam_->adamw.step(); }

void Optimizer::zero_gradients() {
  for (const auto& [name, parameter] : parameters_) {
    if (parameter.grad().defined()) parameter.mutable_grad().zero_();
  }
}

ParameterMap Optimizer::state() const {
  ParameterMap out;
  const auto& all = adam_->adamw.state();
  for (const auto& [name, parameter] : parameters_) {
    const auto it = all.find(state_key(parameter));
    if (it == all.end()) continue;
    const auto& one = static_cast<const torch::optim::AdamWParamState&>(*it->second);
    out["exp_avg." + name] = one.exp_avg();
    out["exp_avg_sq." + name] = one.exp_avg_sq();
    out["steps." + name] = at::full({1}, one.step(), at::kLong);
  }
  return out;
}

void Optimizer::set_state(const ParameterMap& state) {
  auto& all = adam_->adamw.state();
  all.clear();
  const auto piece = [&](const std::string& name, const at::Tensor& like) {
    const auto it = state.find(name);
    if (it == state.end() || it->second.numel() != like.numel()) {
      throw Error("the optimiser's state does not match the model: '" + name + "' is missing or has the wrong size");
    }
    return it->second.view(like.sizes()).to(like.device(), like.scalar_type()).clone();
  };
  for (const auto& [name, parameter] : parameters_) {
    const auto steps = state.find("steps." + name);
    if (steps == state.end()) continue;
    auto one = std::make_unique<torch::optim::AdamWParamState>();
    one->step(steps->second.item<std::int64_t>());
    one->exp_avg(piece("exp_avg." + name, parameter));
    one->exp_avg_sq(piece("exp_avg_sq." + name, parameter));
    all[state_key(parameter)] = std::move(one);
  }
}

double clip_gradients(const ParameterMap& trainable, double largest) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  std::vector<at::Tensor> norms;
  for (const auto& [name, parameter] : trainable) {
    if (!parameter.grad().defined()) continue;
    gradients.push_back(parameter.grad());
    norms.push_back(at::norm(gradients.back()));
  }
  if (norms.empty()) return 0;
  const double norm = at::norm(at::stack(norms)).item<double>();
  const double scale = largest / (norm + 1e-6);
  if (scale < 1) {
    for (auto& gradient : gradients) gradient.mul_(scale);
  }
  return norm;
}

}  // namespace deer
