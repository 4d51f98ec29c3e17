// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/study/depth_by_need.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "core/debug/frame_values.h"

namespace deer {

void FramesByNeed::add(const FrameRecord& record, int first_layer, int deepest_layer) {
  const auto* const first = record.probe_at(first_layer);
  const auto* const deepest = record.probe_at(deepest_layer);
  if (!first || !deepest) return;
  const double distance = action_distance(*record.layout, first->action, deepest->action);
  if (std::isfinite(distance)) frames_.emplace_back(distance, record.depth());
}

void FramesByNeed::finish(DepthByNeed& out) const {
  const auto third = frames_.size() / 3;
  if (third == 0) return;
  auto ranked = frames_;
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto mean_depth = [third](std::span<const std::pair<double, int>> frames) {
    double sum = 0;
    for (const auto& frame : frames) sum += frame.second;
    return sum / static_cast<double>(third);
  };
  out.nearest.add(mean_depth(std::span(ranked).first(third)));
  out.farthest.add(mean_depth(std::span(ranked).last(third)));
}

}  // namespace deer
