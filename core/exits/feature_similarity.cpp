// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/feature_similarity.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr double kNoSimilarity = std::numeric_limits<double>::quiet_NaN();

bool has_every_feature(const FrameRecord& record, std::span<const int> exit_layers) {
  return std::all_of(exit_layers.begin(), exit_layers.end(), [&](int layer) {
    const auto* const probe = record.probe_at(layer);
    return probe && !probe->feature.empty();
  });
}

/// Features of one exit, [frames, d_model], centred by column.
at::Tensor centred_features(const std::vector<const FrameRecord*>& frames, int layer) {
  const auto width = static_cast<std::int64_t>(frames.front()->probe_at(layer)->feature.size());
  auto features = at::empty({static_cast<std::int64_t>(frames.size()), width}, at::kDouble);
  auto* out = features.data_ptr<double>();
  for (const auto* const frame : frames) {
    const auto& feature = frame->probe_at(layer)->feature;
    if (static_cast<std::int64_t>(feature.size()) != width) throw Error("features of one exit differ in size");
    out = std::copy(feature.begin(), feature.end(), out);
  }
  return features.sub_(features.mean(0, true));
}

}  // namespace

double cosine_similarity(std::span<const float> a, std::span<const float> b) {
  if (a.empty() || a.size() != b.size()) return kNoSimilarity;
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  const double norm = std::sqrt(aa) * std::sqrt(bb);
  return norm > 0 ? std::clamp(dot / norm, -1.0, 1.0) : kNoSimilarity;
}

double relative_change(std::span<const float> before, std::span<const float> after) {
  if (before.empty() || before.size() != after.size()) return kNoSimilarity;
  double change = 0, size = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double step = static_cast<double>(after[i]) - static_cast<double>(before[i]);
    change += step * step;
    size += static_cast<double>(before[i]) * static_cast<double>(before[i]);
  }
  return size > 0 ? std::sqrt(change / size) : kNoSimilarity;
}

std::vector<float> feature_cosines(const FrameRecord& record, std::span<const int> exit_layers) {
  const auto exits = exit_layers.size();
  std::vector<float> cosines(pair_count(exits), kNotEvaluated);
  for (std::size_t a = 0; a < exits; ++a) {
    const auto* const first = record.probe_at(exit_layers[a]);
    for (std::size_t b = a; first && b < exits; ++b) {
      const auto* const second = record.probe_at(exit_layers[b]);
      if (!second) continue;
      cosines[pair_place(a, b, exits)] = static_cast<float>(cosine_similarity(first->feature, second->feature));
    }
  }
  return cosines;
}

ExitMatrix linear_cka(std::span<const FrameRecordPtr> records, std::span<const int> exit_layers,
                      std::int64_t most_frames, const std::stop_token& stop) {
  const auto exits = exit_layers.size();
  ExitMatrix result{exits, std::vector<double>(exits * exits, kNoSimilarity), 0, 0};
  std::vector<const FrameRecord*> whole;
  for (const auto& record : records) {
    if (record && has_every_feature(*record, exit_layers)) whole.push_back(record.get());
  }
  result.frames_offered = static_cast<std::int64_t>(whole.size());
  const auto count = std::min<std::int64_t>(result.frames_offered, std::max<std::int64_t>(most_frames, 3));
  if (count < 3 || exits == 0) return result;
  std::vector<const FrameRecord*> frames;
  for (std::int64_t i = 0; i < count; ++i) {
    frames.push_back(whole[static_cast<std::size_t>(i * (result.frames_offered - 1) / (count - 1))]);
  }
  result.frames = count;

  // Kernels are [frames, frames], independent of the model's width.
  std::vector<at::Tensor> kernels;
  std::vector<double> sizes;
  for (const int layer : exit_layers) {
    if (stop.stop_requested()) throw Cancelled();
    const auto features = centred_features(frames, layer);
    kernels.push_back(features.matmul(features.t()));
    sizes.push_back(std::sqrt(kernels.back().square().sum().item<double>()));
  }
  for (std::size_t a = 0; a < exits; ++a) {
    if (stop.stop_requested()) throw Cancelled();
    for (std::size_t b = a; b < exits; ++b) {
      const double size = sizes[a] * sizes[b];
      const double alignment = size > 0 ? (kernels[a] * kernels[b]).sum().item<double>() / size : kNoSimilarity;
      result.values[a * exits + b] = result.values[b * exits + a] = alignment;
    }
  }
  return result;
}

}  // namespace deer
