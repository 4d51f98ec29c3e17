// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/patch_attention.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/model/attention_rollout.h"

namespace deer {

std::vector<float> AttentionMap::weights(std::size_t view, int head) const {
  const auto& all = views.at(view).weights;
  const auto count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  std::vector<float> out(count);
  if (head >= 0) {
    const auto from =
        all.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(std::min(head, heads - 1)) * count);
    std::copy_n(from, count, out.begin());
    return out;
  }
  for (std::size_t i = 0; i < all.size(); ++i) out[i % count] += all[i] / static_cast<float>(heads);
  return out;
}

AttentionMap patch_attention(const MultiExitModel& model, const at::Tensor& tokens, const PreparedText& text,
                             int exit_layer, std::stop_token stop) {
  const auto& exits = model.exit_layers();
  if (std::find(exits.begin(), exits.end(), exit_layer) == exits.end()) {
    throw Error("there is no exit after layer " + std::to_string(exit_layer));
  }
  int cross_layer = exit_layer;
  while (cross_layer >= 0 && !model.layer(cross_layer).has_cross_attention()) --cross_layer;
  if (cross_layer < 0) {
    throw Error("the exit after layer " + std::to_string(exit_layer) +
                " has no attention to the images: the first cross-attention is deeper");
  }
  if (stop.stop_requested()) throw Cancelled();
  std::vector<at::Tensor> layers;
  const auto latents = model.resampler().forward(tokens, &layers);
  DecoderPass pass(model, text, MultiExitModel::join_media(latents.narrow(0, 0, 1), latents.narrow(0, 1, 1)),
                   std::move(stop));
  const auto cross = pass.cross_attention_weights(cross_layer);
  auto looking = text.attention_mask.to(at::kBool);
  const auto& blind = text.context.media_free;
  if (blind.defined()) looking = at::logical_and(looking, blind.view(looking.sizes()).logical_not());
  auto traced = trace_cross_attention(cross, looking, trace_latents(layers));

  AttentionMap out;
  out.exit_layer = exit_layer;
  out.cross_layer = cross_layer;
  out.heads = static_cast<int>(cross.size(1));
  out.tokens = static_cast<int>(looking.sum().item<std::int64_t>());
  out.learnt_share = traced.learnt.mean().item<float>();
  const auto& vision = model.config().vision;
  out.rows = out.columns = static_cast<int>(vision.image_size / vision.patch_size);
  const auto seen = traced.patches.sum(2, true);
  const auto shares = (traced.patches / seen.clamp_min(1e-12)).squeeze(0).to(at::kCPU).contiguous();
  const auto patches = vision.patches();
  for (std::size_t camera = 0; camera < 2; ++camera) {
    const auto part = shares.narrow(1, static_cast<std::int64_t>(camera) * patches, patches).contiguous();
    out.views[camera].weights.assign(part.data_ptr<float>(), part.data_ptr<float>() + part.numel());
  }
  return out;
}

}  // namespace deer
