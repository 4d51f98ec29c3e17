// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/attention_rollout.h"

namespace deer {

LatentOrigin trace_latents(const std::vector<at::Tensor>& layers) {
  const auto latents = layers.front().size(2);
  const auto patches = layers.front().size(3) - latents;
  LatentOrigin out;
  out.patches = at::zeros({layers.front().size(0), latents, patches}, layers.front().options().dtype(at::kFloat));
  out.learnt = at::ones({layers.front().size(0), latents}, out.patches.options());
  for (const auto& layer : layers) {
    const auto mean = layer.to(at::kFloat).mean(1);
    const auto from_latents = mean.narrow(2, patches, latents);
    out.patches = (out.patches + mean.narrow(2, 0, patches) + at::bmm(from_latents, out.patches)) / 2;
    out.learnt = (out.learnt + at::bmm(from_latents, out.learnt.unsqueeze(2)).squeeze(2)) / 2;
  }
  return out;
}

LatentOrigin trace_cross_attention(const at::Tensor& cross, const at::Tensor& tokens, const LatentOrigin& latents) {
  const auto batch = cross.size(0);
  const auto count = latents.patches.size(1);
  const auto counted = tokens.to(at::kFloat).view({batch, 1, tokens.size(1), 1});
  const auto mean = (cross.to(at::kFloat) * counted).sum(2) / counted.sum(2).clamp_min(1.0);  // [B, heads, 2 latents]
  LatentOrigin out;
  std::vector<at::Tensor> views;
  for (std::int64_t camera = 0; camera < 2; ++camera) {
    const auto weights = mean.narrow(2, camera * count, count);
    views.push_back(at::bmm(weights, latents.patches.narrow(0, camera * batch, batch)));
    const auto learnt = at::bmm(weights, latents.learnt.narrow(0, camera * batch, batch).unsqueeze(2)).squeeze(2);
    out.learnt = out.learnt.defined() ? out.learnt + learnt : learnt;
  }
  out.patches = at::cat(views, 2);
  return out;
}

}  // namespace deer
