// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "core/model/weights.h"

namespace deer {

/// The LSTM's state: un-normed h and c of each layer. A value type: stepping returns a new one, so probes that discard
/// it need no copy. Undefined tensors mean zeros.
struct RecurrentState {
  at::Tensor h;  ///< [layers, B, hidden_size]
  at::Tensor c;

  bool empty() const { return !h.defined(); }
};

struct HeadOutput {
  at::Tensor arm;                  ///< [B, 6] (or [B, W, 6]), in [-1, 1]
  at::Tensor gripper_probability;  ///< [B] (or [B, W]), of opening
  at::Tensor gripper_logit;        ///< same shape
  RecurrentState state;            ///< after the (last) step
};

/// Max or mean over the text positions: [B, L, d] to [B, d] in float32. Padding is included, as in the original.
at::Tensor pool_tokens(const at::Tensor& hidden, Pooling pooling);

/// LSTM over time, then an MLP for the six pose values and one for the gripper. Runs in float32 whatever the rest of
/// the model uses. Const and thread-safe.
class ActionHead {
 public:
  ActionHead(const ActionHeadConfig& config, std::int64_t in_features, WeightBinder& weights,
             const std::string& prefix);

  /// One time step: `feature` [B, d_model], pooled.
  HeadOutput step(const at::Tensor& feature, const RecurrentState& state) const;

  /// A window from `state` (zeros if empty): `features` [B, W, d_model]; outputs for every step.
  HeadOutput window(const at::Tensor& features, const RecurrentState& state = {}) const;

  struct LstmLayer {
    at::Tensor weight_ih, weight_hh, bias_ih, bias_hh;  ///< [4 * hidden, in], gate order i, f, g, o
    at::Tensor norm_weight, norm_bias;                  ///< undefined without lstm_layernorm
  };
  struct MlpLayer {
    at::Tensor weight, bias;
    at::Tensor norm_weight, norm_bias;  ///< undefined in the last layer and without mlp_layernorm
  };
  using Mlp = std::vector<MlpLayer>;

  const ActionHeadConfig& config() const { return config_; }
  const std::vector<LstmLayer>& lstm() const { return lstm_; }
  const Mlp& arm() const { return arm_; }
  const Mlp& gripper() const { return gripper_; }

 private:
  Mlp take_mlp(WeightBinder& weights, const std::string& prefix, std::int64_t outputs) const;
  at::Tensor run_lstm(const at::Tensor& feature, const RecurrentState& state, RecurrentState& next) const;
  static at::Tensor run_mlp(const Mlp& mlp, at::Tensor x);
  void finish(const at::Tensor& x, HeadOutput& out) const;

  ActionHeadConfig config_;
  std::vector<LstmLayer> lstm_;
  Mlp arm_;
  Mlp gripper_;
};

}  // namespace deer
