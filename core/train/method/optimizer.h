// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "core/train/method/parameter_groups.h"
#include "core/train/method/trainable_model.h"

namespace deer {

/// AdamW (betas 0.9 and 0.999, eps 1e-8) over parameter groups: LibTorch's, with accessible state.
class Optimizer {
 public:
  /// Groups refer to parameters in `trainable`.
  Optimizer(const ParameterMap& trainable, std::vector<ParameterGroup> groups);
  ~Optimizer();
  Optimizer(Optimizer&&) noexcept;
  Optimizer& operator=(Optimizer&&) noexcept;

  /// Sets the factor on every group's learning rate.
  void set_schedule(double factor);

  /// Updates the parameters by their gradients. Parameters without a gradient are unchanged.
  void step();

  void zero_gradients();

  const std::vector<ParameterGroup>& groups() const { return groups_; }

  /// Moments, "exp_avg.<name>" and "exp_avg_sq.<name>", and "steps.<name>" [1] int64, of parameters that were updated
  /// at least once.
  ParameterMap state() const;

  /// Restores a state from state(). Throws Error naming a tensor that does not match.
  void set_state(const ParameterMap& state);

 private:
  struct Adam;
  std::vector<ParameterGroup> groups_;
  ParameterMap parameters_;
  std::unique_ptr<Adam> adam_;
};

/// Scales all gradients down so that their common norm is at most `largest`. Returns the norm before clipping.
double clip_gradients(const ParameterMap& trainable, double largest);

}  // namespace deer
