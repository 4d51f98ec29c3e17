// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/head_batch.h"

#include "core/model/torch_compat.h"

namespace deer {
namespace {

at::Tensor run_mlp(const ActionHead::Mlp& mlp, at::Tensor x) {
  for (std::size_t i = 0; i + 1 < mlp.size(); ++i) {
    x = at::linear(x, mlp[i].weight, mlp[i].bias);
    if (mlp[i].norm_weight.defined()) x = layer_norm(x, mlp[i].norm_weight, mlp[i].norm_bias);
    x = at::relu(x);
  }
  return at::linear(x, mlp.back().weight, mlp.back().bias);
}

}  // namespace

HeadOutput run_head(const ActionHead& head, const HeadRows& rows) {
  std::vector<at::Tensor> h;
  std::vector<at::Tensor> c;
  at::Tensor x;
  for (std::size_t i = 0; i < head.lstm().size(); ++i) {
    const auto& layer = head.lstm()[i];
    const auto index = static_cast<std::int64_t>(i);
    auto gates = i == 0 ? at::linear(rows.features, layer.weight_ih, layer.bias_ih).index_select(0, rows.feature_of)
                        : at::linear(x, layer.weight_ih, layer.bias_ih);
    gates += at::linear(rows.h.select(0, index), layer.weight_hh, layer.bias_hh).index_select(0, rows.state_of);
    const auto parts = gates.chunk(4, 1);  // i, f, g, o
    auto c_after = at::sigmoid(parts[1]) * rows.c.select(0, index).index_select(0, rows.state_of) +
                   at::sigmoid(parts[0]) * at::tanh(parts[2]);
    auto h_after = at::sigmoid(parts[3]) * at::tanh(c_after);
    x = layer.norm_weight.defined() ? layer_norm(h_after, layer.norm_weight, layer.norm_bias) : h_after;
    h.push_back(std::move(h_after));
    c.push_back(std::move(c_after));
  }
  HeadOutput out;
  out.arm = at::tanh(run_mlp(head.arm(), x));
  out.gripper_logit = run_mlp(head.gripper(), x).squeeze(-1);
  out.gripper_probability = at::sigmoid(out.gripper_logit);
  out.state = {at::stack(h), at::stack(c)};
  return out;
}

}  // namespace deer
