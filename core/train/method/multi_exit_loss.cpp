// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/method/multi_exit_loss.h"

#include <c10/core/GradMode.h>

#include "core/base/error.h"

namespace deer {
namespace {

at::Tensor exit_features(const TrainableModel& model, const WindowFeatures& features) {
  std::vector<at::Tensor> out;
  for (const int layer : model.network().exit_layers()) out.push_back(features.by_layer.at(layer));
  return at::stack(out);
}

const ActionHead& shared_head(const TrainableModel& model) {
  const auto* head = model.network().shared_head();
  if (head == nullptr) throw Error("this model has no shared exit head (extra_exit)");
  return *head;
}

}  // namespace

std::vector<std::string> output_names(const ModelConfig& config) {
  std::vector<std::string> out;
  for (const int layer : config.exit_layers()) out.push_back("exit_" + std::to_string(layer));
  if (config.multi_exit) out.insert(out.end(), {"shared_1", "shared_2"});
  return out;
}

HeadOutputs multi_exit_outputs(const TrainableModel& model, const WindowFeatures& features, const ExitSample& sample,
                               std::optional<at::Generator> dropout) {
  const auto& network = model.network();
  std::vector<const ActionHead*> heads;
  std::vector<at::Tensor> inputs;
  for (const int layer : network.exit_layers()) {
    heads.push_back(network.head_of_layer(layer));
    inputs.push_back(features.by_layer.at(layer));
  }
  if (features.last_normed.defined()) inputs.back() = features.last_normed;
  if (model.config().multi_exit) {
    const auto by_exit = exit_features(model, features);
    heads.insert(heads.end(), 2, &shared_head(model));
    inputs.push_back(mix_every_frame(by_exit, sample));
    inputs.push_back(mix_before_and_after(by_exit, sample));
  }
  const auto& head = model.config().head;
  return run_heads(heads, at::stack(inputs), {head.exit_dropout, head.lstm_dropout, head.dropout_mode, dropout});
}

MultiExitLoss multi_exit_loss(const HeadOutputs& outputs, const at::Tensor& actions, double gripper_weight) {
  const auto target = actions.to(outputs.arm.device(), at::kFloat).unsqueeze(0);
  const auto arm = target.narrow(3, 0, 6).expand_as(outputs.arm);
  const auto open = ((target.select(3, 6) + 1) / 2).expand_as(outputs.gripper_logit);
  MultiExitLoss out;
  out.arm = at::huber_loss(outputs.arm, arm, at::Reduction::None).mean({1, 2, 3});
  out.gripper =
      at::binary_cross_entropy_with_logits(outputs.gripper_logit, open, {}, {}, at::Reduction::None).mean({1, 2});
  out.total = (out.arm + gripper_weight * out.gripper).sum();
  return out;
}

at::Tensor calibration_values(const TrainableModel& model, const WindowFeatures& features,
                              const at::Tensor& every_frame) {
  const at::NoGradGuard no_grad;
  const auto by_exit = exit_features(model, features);
  ExitSample sample;
  sample.every_frame = every_frame;
  const auto history = mix_every_frame(by_exit, sample);
  const auto windows = history.size(0);
  const auto window = history.size(1);
  const auto candidates = at::cat({features.by_layer.at(0).unsqueeze(0), by_exit});  // the first exit's predecessor
  const auto count = candidates.size(0);

  std::vector<at::Tensor> out;
  for (auto step = window / 2 - 1; step < window - 1; ++step) {
    const auto before = history.narrow(1, 0, step).unsqueeze(0).expand({count, -1, -1, -1});
    const auto sequence = at::cat({before, candidates.narrow(2, step, 1)}, 2).flatten(0, 1);
    const auto arm = run_heads({&shared_head(model)}, sequence.unsqueeze(0)).arm.select(2, step);
    const auto action = arm.view({count, windows, 6});
    const auto difference = action.narrow(0, 1, count - 1) - action.narrow(0, 0, count - 1);
    out.push_back(difference.pow(2).mean(-1).sqrt());
  }
  return at::stack(out, 2).flatten(1);
}

}  // namespace deer
