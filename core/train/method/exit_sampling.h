// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace deer {

/// Which exits' features the shared head is trained on. Indices count
/// exits, the last included.
struct ExitSample {
  at::Tensor every_frame;         ///< strategy 1, [B, W] int64: an independent exit for every frame
  at::Tensor before_and_after;    ///< strategy 2, [B, 2] int64: one exit up to a switch, another from it on
  std::int64_t switch_frame = 1;  ///< strategy 2: frames before it use the first, 1..W; one per batch
};

/// Draws, in the order strategy 1, switch frame, strategy 2, each uniformly.
ExitSample sample_exits(std::int64_t exits, std::int64_t windows, std::int64_t window, at::Generator generator);

/// Maps `features` [E, B, W, d] to the mixed histories [B, W, d].
at::Tensor mix_every_frame(const at::Tensor& features, const ExitSample& sample);
at::Tensor mix_before_and_after(const at::Tensor& features, const ExitSample& sample);

}  // namespace deer
