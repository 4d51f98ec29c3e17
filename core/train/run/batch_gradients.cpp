// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/batch_gradients.h"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <optional>

#include "core/model/torch_compat.h"
#include "core/train/base/parallel_work.h"

namespace deer {
namespace {

at::Generator seeded_generator(at::Device device, std::uint64_t seed) {
  auto generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(seed);
  return generator;
}

std::vector<double> values(const at::Tensor& tensor, double weight) {
  const auto plain = (tensor.detach().to(at::kCPU, at::kDouble) * weight).contiguous();
  return {plain.data_ptr<double>(), plain.data_ptr<double>() + plain.numel()};
}

void add_to(std::vector<double>& sum, const std::vector<double>& other) {
  if (sum.empty()) sum.resize(other.size());
  for (std::size_t i = 0; i < other.size(); ++i) sum[i] += other[i];
}

}  // namespace

void LossValues::add(const LossValues& other) {
  total += other.total;
  add_to(arm, other.arm);
  add_to(gripper, other.gripper);
}

std::vector<double> LossValues::row() const {
  std::vector<double> out{total};
  out.insert(out.end(), arm.begin(), arm.end());
  out.insert(out.end(), gripper.begin(), gripper.end());
  return out;
}

LossValues LossValues::from_row(const std::vector<double>& row) {
  const auto outputs = static_cast<std::ptrdiff_t>(row.size() / 2);
  return {row.front(), {row.begin() + 1, row.begin() + 1 + outputs}, {row.begin() + 1 + outputs, row.end()}};
}

BatchGradients::BatchGradients(TrainableModel& model, LossOptions options, int workers)
    : model_(model), options_(options), workers_(model.device().is_cpu() ? std::max(1, workers) : 1) {
  for (int i = 1; i < workers_; ++i) replicas_.push_back(model.replica());
}

LossValues BatchGradients::run(TrainableModel& model, const BatchPart& part, bool train) const {
  const at::AutoGradMode gradients(train);
  WindowFeatures features;
  {
    const at::AutoGradMode backbone(train && options_.stage == TrainingStage::joint);
    const AutocastGuard autocast(model.device(), options_.dtype);
    features = window_features(model, part.batch, model.network().exit_layers(), options_.padding);
  }
  std::optional<at::Generator> dropout;
  if (train) dropout = seeded_generator(model.device(), part.dropout_seed);
  const auto outputs = multi_exit_outputs(model, features, part.sample, dropout);
  const auto loss = multi_exit_loss(outputs, part.batch.actions, options_.gripper_weight);
  if (train) (loss.total * part.weight).backward();
  return {loss.total.item<double>() * part.weight, values(loss.arm, part.weight), values(loss.gripper, part.weight)};
}

LossValues BatchGradients::run_all(const std::vector<BatchPart>& parts, bool train) {
  std::vector<LossValues> losses(parts.size());
  const auto work = [&](int worker) {
    auto& model = worker == 0 ? model_ : replicas_[static_cast<std::size_t>(worker) - 1];
    for (auto i = static_cast<std::size_t>(worker); i < parts.size(); i += static_cast<std::size_t>(workers_)) {
      losses[i] = run(model, parts[i], train);
    }
  };
  if (!model_.device().is_cpu()) {
    work(0);
  } else {
    run_on_threads(workers_, work);
  }
  LossValues sum;
  for (const auto& loss : losses) sum.add(loss);
  return sum;
}

LossValues BatchGradients::accumulate(const std::vector<BatchPart>& parts) {
  const auto losses = run_all(parts, true);
  const at::NoGradGuard no_grad;
  for (auto& replica : replicas_) {
    for (const auto& [name, parameter] : replica.parameters()) {
      if (!parameter.requires_grad()) continue;
      model_.parameters().at(name).mutable_grad().add_(parameter.grad());
      parameter.mutable_grad().zero_();
    }
  }
  return losses;
}

LossValues BatchGradients::evaluate(const std::vector<BatchPart>& parts) { return run_all(parts, false); }

}  // namespace deer
