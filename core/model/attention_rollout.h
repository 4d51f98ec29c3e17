// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <vector>

namespace deer {

/// Origin of the resampler's latents.
struct LatentOrigin {
  at::Tensor patches;  ///< [N, latents, patches]: share of each patch token
  at::Tensor learnt;   ///< [N, latents]: share of the learnt initial latents; sums to 1 with the patches
};

/// Attention rollout (Abnar and Zuidema 2020) through the resampler. `layers` is what PerceiverResampler::forward()
/// adds: [N, heads, latents, patches + latents]. With A = [P | L] the mean over a layer's heads and R the shares so far
/// (zero before the first layer), a layer turns R into R/2 + (P + L R)/2: the residual connection counts half.
/// Feed-forward blocks, norms and the length of the values are left out, since they do not move information between
/// tokens. float32. `layers` must not be empty.
LatentOrigin trace_latents(const std::vector<at::Tensor>& layers);

/// The cross-attention's weights mapped back to the patches: the product of `cross` [B, heads, L, latents of both
/// cameras], averaged over the tokens where `tokens` [B, L] is true, with `latents`, of which N = 2 B: the static
/// cameras first, then the gripper cameras. Patches are [B, heads, 2 * patches], static before gripper; learnt is
/// [B, heads]. With the patches it sums to 1, but to 0 where no token attends.
LatentOrigin trace_cross_attention(const at::Tensor& cross, const at::Tensor& tokens, const LatentOrigin& latents);

}  // namespace deer
