// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/action_head.h"

#include "core/model/torch_compat.h"

namespace deer {
namespace {

struct MlpIndices {
  std::vector<std::int64_t> linear;
  std::vector<std::int64_t> norm;  ///< empty without norms
  std::int64_t output = 0;
};

// Indices of the layers in the original's nn.Sequential, which appear in its parameter names.
MlpIndices mlp_indices(const ActionHeadConfig& config) {
  MlpIndices out;
  const auto count = static_cast<std::int64_t>(config.mlp_hidden.size());
  std::int64_t first = 0;
  std::int64_t stride = 0;
  bool slot_for_norm = true;
  switch (config.dropout_mode) {
    case DropoutMode::layerwise:  // dropout, then (linear, norm, relu, dropout)...
      first = 1;
      stride = 4;
      out.output = 4 * count + 1;
      break;
    case DropoutMode::last:  // (linear, norm, relu)..., dropout
      first = 0;
      stride = 3;
      out.output = 3 * count + 1;
      break;
    case DropoutMode::wo_last:
      if (config.mlp_layernorm) {  // (dropout, linear, norm, relu)...
        first = 1;
        stride = 4;
        out.output = 4 * count;
      } else if (config.exit_dropout > 0) {  // (dropout, linear, relu)...
        first = 1;
        stride = 3;
        out.output = 3 * count;
        slot_for_norm = false;
      } else {  // (linear, relu)...
        first = 0;
        stride = 2;
        out.output = 2 * count;
        slot_for_norm = false;
      }
      break;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    out.linear.push_back(first + i * stride);
    if (config.mlp_layernorm && slot_for_norm) out.norm.push_back(first + i * stride + 1);
  }
  return out;
}

}  // namespace

at::Tensor pool_tokens(const at::Tensor& hidden, Pooling pooling) {
  const auto wide = hidden.to(at::kFloat);
  return pooling == Pooling::max ? wide.amax(1) : wide.mean(1);
}

ActionHead::ActionHead(const ActionHeadConfig& config, std::int64_t in_features, WeightBinder& weights,
                       const std::string& prefix)
    : config_(config) {
  const auto hidden = config.hidden_size;
  for (std::int64_t i = 0; i < config.lstm_layers; ++i) {
    // With norms the stack is (LSTM, norm, dropout)... of single layers; without, one nn.LSTM.
    const auto base = config.lstm_layernorm ? prefix + "rnn.layers." + std::to_string(3 * i) + "." : prefix + "rnn.";
    const auto suffix = config.lstm_layernorm ? std::string("_l0") : "_l" + std::to_string(i);
    LstmLayer layer;
    layer.weight_ih =
        weights.take(base + "weight_ih" + suffix, {4 * hidden, i == 0 ? in_features : hidden}, at::kFloat);
    layer.weight_hh = weights.take(base + "weight_hh" + suffix, {4 * hidden, hidden}, at::kFloat);
    layer.bias_ih = weights.take(base + "bias_ih" + suffix, {4 * hidden}, at::kFloat);
    layer.bias_hh = weights.take(base + "bias_hh" + suffix, {4 * hidden}, at::kFloat);
    if (config.lstm_layernorm) {
      const auto norm = prefix + "rnn.layers." + std::to_string(3 * i + 1) + ".";
      layer.norm_weight = weights.take(norm + "weight", {hidden}, at::kFloat);
      layer.norm_bias = weights.take(norm + "bias", {hidden}, at::kFloat);
    }
    lstm_.push_back(std::move(layer));
  }
  arm_ = take_mlp(weights, prefix + "actions.mlp.", 6);
  gripper_ = take_mlp(weights, prefix + "gripper.mlp.", 1);
}

ActionHead::Mlp ActionHead::take_mlp(WeightBinder& weights, const std::string& prefix, std::int64_t outputs) const {
  const auto places = mlp_indices(config_);
  const auto name = [&](std::int64_t place, const char* what) { return prefix + std::to_string(place) + "." + what; };
  Mlp mlp;
  std::int64_t width = config_.hidden_size;
  for (std::size_t i = 0; i < config_.mlp_hidden.size(); ++i) {
    const auto next = config_.mlp_hidden[i];
    MlpLayer layer;
    layer.weight = weights.take(name(places.linear[i], "weight"), {next, width}, at::kFloat);
    layer.bias = weights.take(name(places.linear[i], "bias"), {next}, at::kFloat);
    if (!places.norm.empty()) {
      layer.norm_weight = weights.take(name(places.norm[i], "weight"), {next}, at::kFloat);
      layer.norm_bias = weights.take(name(places.norm[i], "bias"), {next}, at::kFloat);
    }
    mlp.push_back(std::move(layer));
    width = next;
  }
  MlpLayer output;
  output.weight = weights.take(name(places.output, "weight"), {outputs, width}, at::kFloat);
  output.bias = weights.take(name(places.output, "bias"), {outputs}, at::kFloat);
  mlp.push_back(std::move(output));
  return mlp;
}

at::Tensor ActionHead::run_mlp(const Mlp& mlp, at::Tensor x) {
  for (std::size_t i = 0; i + 1 < mlp.size(); ++i) {
    x = at::linear(x, mlp[i].weight, mlp[i].bias);
    if (mlp[i].norm_weight.defined()) x = layer_norm(x, mlp[i].norm_weight, mlp[i].norm_bias);
    x = at::relu(x);
  }
  return at::linear(x, mlp.back().weight, mlp.back().bias);
}

at::Tensor ActionHead::run_lstm(const at::Tensor& feature, const RecurrentState& state, RecurrentState& next) const {
  std::vector<at::Tensor> h;
  std::vector<at::Tensor> c;
  auto x = feature;
  const auto zeros = at::zeros({feature.size(0), config_.hidden_size}, feature.options());
  for (std::size_t i = 0; i < lstm_.size(); ++i) {
    const auto& layer = lstm_[i];
    const auto index = static_cast<std::int64_t>(i);
    const auto& h_before = state.empty() ? zeros : state.h.select(0, index);
    const auto& c_before = state.empty() ? zeros : state.c.select(0, index);
    auto [h_after, c_after] =
        at::lstm_cell(x, {h_before, c_before}, layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh);
    x = layer.norm_weight.defined() ? layer_norm(h_after, layer.norm_weight, layer.norm_bias) : h_after;
    h.push_back(std::move(h_after));
    c.push_back(std::move(c_after));
  }
  next = {at::stack(h), at::stack(c)};
  return x;
}

void ActionHead::finish(const at::Tensor& x, HeadOutput& out) const {
  out.arm = at::tanh(run_mlp(arm_, x));
  out.gripper_logit = run_mlp(gripper_, x).squeeze(-1);
  out.gripper_probability = at::sigmoid(out.gripper_logit);
}

HeadOutput ActionHead::step(const at::Tensor& feature, const RecurrentState& state) const {
  HeadOutput out;
  finish(run_lstm(feature, state, out.state), out);
  return out;
}

HeadOutput ActionHead::window(const at::Tensor& features, const RecurrentState& state) const {
  HeadOutput out;
  RecurrentState carried = state;
  std::vector<at::Tensor> steps;
  for (std::int64_t t = 0; t < features.size(1); ++t) {
    RecurrentState next;
    steps.push_back(run_lstm(features.select(1, t), carried, next));
    carried = std::move(next);
  }
  finish(at::stack(steps, 1), out);
  out.state = std::move(carried);
  return out;
}

}  // namespace deer
