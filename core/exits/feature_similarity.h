// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stop_token>
#include <vector>

#include "core/exits/frame_record.h"

/// How alike the exits of a model are, by the pooled features that a run recorded. Plain functions of values; may be
/// called from any thread.
namespace deer {

/// Cosine of the angle between two features, in [-1, 1]. NaN if they differ in size, or one is empty or zero.
double cosine_similarity(std::span<const float> a, std::span<const float> b);

/// Length of `after` - `before` as a share of that of `before`. NaN as above.
double relative_change(std::span<const float> before, std::span<const float> after);

/// Unordered pairs of `exits` exits, each with itself included, and the place of one of them among these.
constexpr std::size_t pair_count(std::size_t exits) { return exits * (exits + 1) / 2; }
constexpr std::size_t pair_place(std::size_t a, std::size_t b, std::size_t exits) {
  const std::size_t low = a < b ? a : b, high = a < b ? b : a;
  return low * exits - low * (low + 1) / 2 + high;
}

/// Cosine similarity of every pair of exits, [pair_count]; NaN where the record has no feature.
std::vector<float> feature_cosines(const FrameRecord& record, std::span<const int> exit_layers);

/// A number for every two exits, from a set of frames.
struct ExitMatrix {
  std::size_t exits = 0;
  std::vector<double> values;       ///< row-major [exits, exits], symmetric; NaN: not known
  std::int64_t frames = 0;          ///< that went into it
  std::int64_t frames_offered = 0;  ///< from which these were chosen

  double at(std::size_t row, std::size_t column) const { return values[row * exits + column]; }
};

/// Linear centred kernel alignment (Kornblith et al. 2019, equation 3; the biased estimate) of every two exits over
/// the frames that have a feature at every exit: 1 where one exit's features are a rotation and a scaling of the
/// other's. With far fewer frames than d_model it lies too close to 1. Of more than `most_frames`, evenly spaced
/// ones are taken. All NaN with fewer than three frames; NaN for an exit whose feature never changes. Throws Cancelled.
ExitMatrix linear_cka(std::span<const FrameRecordPtr> records, std::span<const int> exit_layers,
                      std::int64_t most_frames = 1000, const std::stop_token& stop = {});

}  // namespace deer
