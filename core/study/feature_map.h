// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "core/exits/frame_record.h"

namespace deer {

/// Pooled features in a plane: the two directions in which they vary most (principal components).
struct FeatureMap {
  std::vector<std::array<float, 2>> places;  ///< by record, in the features' units; NaN where a feature is missing
  std::array<double, 2> shares{};            ///< of the features' variance, 0 to 1
  std::size_t frames = 0;                    ///< that have a feature
};

/// Maps the feature of the exit after `layer`, or of the exit that each frame took. The directions come from at most
/// `most_frames` evenly spaced frames, every frame is placed. A direction's sign is such that its largest weight is
/// positive. Fewer than three features give no places. Throws Cancelled.
FeatureMap map_features(std::span<const FrameRecordPtr> records, std::optional<int> layer,
                        std::size_t most_frames = 1000, const std::stop_token& stop = {});

}  // namespace deer
