// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/memory_model.h"

#include <algorithm>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr std::int64_t kCameras = 2;
constexpr std::int64_t kMiB = std::int64_t{1} << 20;
// LibTorch's default is 4096 KiB * 2 + 16 KiB * 8 per handle; newer GPUs get 32 MiB.
constexpr std::int64_t kCudaWorkspace = 32 * kMiB;
constexpr std::int64_t kCpuWorkspace = 32 * kMiB;

// Scores of softmax(q k^T) before and after the softmax.
std::int64_t scores(std::int64_t heads, std::int64_t queries, std::int64_t keys) { return 2 * heads * queries * keys; }

std::int64_t vision_numbers(const VisionConfig& v) {
  const auto tokens = v.patches() + 1;
  const auto stream = tokens * v.width;
  const auto attention = 6 * stream + scores(v.heads, tokens, tokens);  // x, norm, q, k, v, result
  const auto mlp = 3 * stream + 3 * tokens * v.mlp_width;               // QuickGELU makes two more of its input
  return kCameras * std::max(attention, mlp);
}

std::int64_t resampler_numbers(const PerceiverConfig& p, std::int64_t patches) {
  const auto inner = p.heads * p.dim_head;
  const auto keys = patches + p.latents;
  const auto attention = patches * p.dim + 3 * p.latents * p.dim + keys * (p.dim + 2 * inner) + 2 * p.latents * inner +
                         scores(p.heads, p.latents, keys);
  const auto mlp = 3 * p.latents * p.dim + 2 * p.latents * p.ff_mult * p.dim;
  return kCameras * (patches * p.dim + std::max(attention, mlp));
}

std::int64_t layer_numbers(const ModelConfig& c, std::int64_t tokens) {
  const auto d = c.decoder.d_model;
  const auto media = kCameras * c.perceiver.latents;
  const auto inner = c.cross_attention.heads * c.cross_attention.dim_head;
  const auto self = 6 * tokens * d + scores(c.decoder.heads, tokens, tokens);
  const auto across =
      3 * tokens * d + 2 * media * inner + 2 * tokens * inner + scores(c.cross_attention.heads, tokens, media);
  const auto mlp = 3 * tokens * d + 2 * tokens * d * std::max(c.decoder.mlp_ratio, c.cross_attention.ff_mult);
  return std::max({self, across, mlp});
}

}  // namespace

MemoryModel::MemoryModel(const CostModel& model, int number_bytes, Device device, int tokens)
    : model_(model), number_bytes_(number_bytes), device_(device), tokens_(tokens) {
  if (number_bytes < 1 || tokens < 1) throw Error("a memory model needs positive bytes per number and prompt length");
}

MemoryUse MemoryModel::use(int deepest_layer) const {
  const auto& c = model_.config();
  MemoryUse out;
  out.weights = model_.parameters(deepest_layer).bytes(number_bytes_);
  const auto size = c.vision.image_size;
  const std::int64_t pictures = kCameras * 3 * size * size * 2 * 4;  // float32, as prepared and stacked
  const std::int64_t stays = kCameras * c.perceiver.latents * c.perceiver.dim +
                             (deepest_layer + 2) * std::int64_t{tokens_} * c.decoder.d_model;
  const auto stage = std::max(
      {vision_numbers(c.vision), resampler_numbers(c.perceiver, c.vision.patches()), layer_numbers(c, tokens_)});
  const auto head = 4 * (4 * c.head.lstm_layers * c.head.hidden_size + 2 * c.decoder.d_model);  // float32
  out.activations = pictures + (stays + stage) * number_bytes_ + head;
  out.workspace = device_ == Device::cuda ? kCudaWorkspace : kCpuWorkspace;
  return out;
}

}  // namespace deer
