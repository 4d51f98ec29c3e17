// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/method/exit_heads.h"

#include "core/base/error.h"

namespace deer {
namespace {

using Heads = std::vector<const ActionHead*>;

template <class Get>
at::Tensor stacked(const Heads& heads, Get get) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(heads.size());
  for (const auto* head : heads) tensors.push_back(get(*head));
  return at::stack(tensors);
}

// Features x rows of each head's weight: [H, N, in] and [H, out, in], [H, out] to [H, N, out].
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2));
}

at::Tensor layer_norm_each(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto plain = at::layer_norm(x, {x.size(-1)}, {}, {}, 1e-5);
  return at::addcmul(bias.unsqueeze(1), plain, weight.unsqueeze(1));
}

at::Tensor drop(const at::Tensor& x, double probability, const HeadDropout& dropout) {
  if (!dropout.generator || probability <= 0) return x;
  const auto kept = at::empty_like(x, x.options().requires_grad(false)).bernoulli_(1 - probability, *dropout.generator);
  return x * kept.div_(1 - probability);
}

// One LSTM layer of every head from a zero state: [H, W, B, in] to [H, W, B, hidden].
at::Tensor run_lstm_layer(const Heads& heads, std::size_t index, const at::Tensor& x) {
  const auto weight = [&](at::Tensor ActionHead::LstmLayer::*member) {
    return stacked(heads, [&](const ActionHead& head) { return head.lstm()[index].*member; });
  };
  using Layer = ActionHead::LstmLayer;
  const auto count = x.size(0);
  const auto steps = x.size(1);
  const auto batch = x.size(2);
  // The inputs of all steps are one product; only the recurrence is a loop.
  const auto projected = linear(x.reshape({count, steps * batch, x.size(3)}), weight(&Layer::weight_ih),
                                weight(&Layer::bias_ih) + weight(&Layer::bias_hh))
                             .view({count, steps, batch, -1});
  const auto recurrent = weight(&Layer::weight_hh).transpose(1, 2);
  std::vector<at::Tensor> out;
  at::Tensor h;
  at::Tensor c;
  for (std::int64_t t = 0; t < steps; ++t) {
    auto gates = projected.select(1, t);
    if (h.defined()) gates = at::baddbmm(gates, h, recurrent);
    const auto parts = gates.chunk(4, -1);
    const auto update = at::sigmoid(parts[0]) * at::tanh(parts[2]);
    c = c.defined() ? at::addcmul(update, at::sigmoid(parts[1]), c) : update;
    h = at::sigmoid(parts[3]) * at::tanh(c);
    out.push_back(h);
  }
  return at::stack(out, 1);
}

at::Tensor run_mlp(const Heads& heads, const ActionHead::Mlp& (ActionHead::*mlp)() const, at::Tensor x,
                   const HeadDropout& dropout) {
  const auto layers = (heads.front()->*mlp)().size();
  using Layer = ActionHead::MlpLayer;
  for (std::size_t i = 0; i < layers; ++i) {
    const auto weight = [&](at::Tensor Layer::*member) {
      return stacked(heads, [&](const ActionHead& head) { return (head.*mlp)()[i].*member; });
    };
    const bool last = i + 1 == layers;
    const bool dropped = dropout.mode == DropoutMode::layerwise || (dropout.mode == DropoutMode::last ? last : !last);
    if (dropped) x = drop(x, dropout.mlp, dropout);
    x = linear(x, weight(&Layer::weight), weight(&Layer::bias));
    if (last) break;
    if ((heads.front()->*mlp)()[i].norm_weight.defined()) {
      x = layer_norm_each(x, weight(&Layer::norm_weight), weight(&Layer::norm_bias));
    }
    x = at::relu(x);
  }
  return x;
}

}  // namespace

HeadOutputs run_heads(const Heads& heads, const at::Tensor& features, const HeadDropout& dropout) {
  if (heads.empty() || features.dim() != 4 || features.size(0) != static_cast<std::int64_t>(heads.size())) {
    throw Error("action heads need features [heads, windows, steps, width]");
  }
  const auto count = features.size(0);
  const auto windows = features.size(1);
  const auto window = features.size(2);
  const auto frames = windows * window;
  auto x = features.transpose(1, 2);  // time first: each step is contiguous
  const auto layers = heads.front()->lstm().size();
  for (std::size_t i = 0; i < layers; ++i) {
    x = run_lstm_layer(heads, i, x);
    if (heads.front()->lstm()[i].norm_weight.defined()) {
      using Layer = ActionHead::LstmLayer;
      const auto weight = [&](at::Tensor Layer::*member) {
        return stacked(heads, [&](const ActionHead& head) { return head.lstm()[i].*member; });
      };
      x = layer_norm_each(x.view({count, frames, -1}), weight(&Layer::norm_weight), weight(&Layer::norm_bias))
              .view({count, window, windows, -1});
    }
    if (i + 1 < layers) x = drop(x, dropout.lstm, dropout);
  }
  x = x.reshape({count, frames, -1});
  const auto by_window = [&](const at::Tensor& y) { return y.view({count, window, windows, -1}).transpose(1, 2); };
  HeadOutputs out;
  out.arm = at::tanh(by_window(run_mlp(heads, &ActionHead::arm, x, dropout)));
  out.gripper_logit = by_window(run_mlp(heads, &ActionHead::gripper, x, dropout)).squeeze(-1);
  return out;
}

}  // namespace deer
