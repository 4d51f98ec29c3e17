// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stop_token>
#include <vector>

#include "core/exits/frame_record.h"

/// Similarity between the exits of a model, from the pooled features of a run. Pure functions; may be called from any
/// thread.
namespace deer {

/// Cosine of the angle between two features, in [-1, 1]. NaN if they differ in size, or one is empty or zero.
double cosine_similarity(std::span<const float> a, std::span<const float> b);

/// Length of `after` - `before` relative to that of `before`. NaN as above.
double relative_change(std::span<const float> before, std::span<const float> after);

/// Number of unordered pairs of `exits` exits, including each with itself, and the index of one pair.
constexpr std::size_t pair_count(std::size_t exits) { return exits * (exits + 1) / 2; }
constexpr std::size_t pair_place(std::size_t a, std::size_t b, std::size_t exits) {
  const std::size_t low = a < b ? a : b, high = a < b ? b : a;
  return low * exits - low * (low + 1) / 2 + high;
}

/// Cosine similarity of every pair of exits, [pair_count]; NaN where the record has no feature.
std::vector<float> feature_cosines(const FrameRecord& record, std::span<const int> exit_layers);

/// One value per pair of exits, from a set of frames.
struct ExitMatrix {
  std::size_t exits = 0;
  std::vector<double> values;       ///< row-major [exits, exits], symmetric; NaN: unknown
  std::int64_t frames = 0;          ///< frames used
  std::int64_t frames_offered = 0;  ///< frames available

  double at(std::size_t row, std::size_t column) const { return values[row * exits + column]; }
};

/// Linear centred kernel alignment (Kornblith et al. 2019, equation 3; the biased estimate) of every two exits over
/// the frames that have a feature at every exit: 1 where one exit's features are a rotation and a scaling of the
/// other's. With far fewer frames than d_model it is too close to 1. If there are more than `most_frames`, evenly
/// spaced ones are used. All NaN with fewer than three frames; NaN for an exit whose feature never changes. Throws
/// Cancelled.
ExitMatrix linear_cka(std::span<const FrameRecordPtr> records, std::span<const int> exit_layers,
                      std::int64_t most_frames = 1000, const std::stop_token& stop = {});

}  // namespace deer
