// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/criterion.h"

#include <algorithm>
#include <cmath>

namespace deer {
namespace {

constexpr double kNormFloor = 1e-5;

double cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return dot / (std::max(std::sqrt(aa), kNormFloor) * std::max(std::sqrt(bb), kNormFloor));
}

}  // namespace

float action_delta(DeltaType type, std::span<const float, 6> action, std::span<const float, 6> previous) {
  if (type == DeltaType::cosine) return static_cast<float>(1.0 - cosine(action, previous));
  double squares = 0;
  double sum = 0;
  double largest = 0;
  for (std::size_t i = 0; i < action.size(); ++i) {
    const double difference = std::abs(static_cast<double>(action[i]) - previous[i]);
    squares += difference * difference;
    sum += difference;
    largest = std::max(largest, difference);
  }
  const auto count = static_cast<double>(action.size());
  switch (type) {
    case DeltaType::mean:
      return static_cast<float>(sum / count);
    case DeltaType::max:
      return static_cast<float>(largest);
    default:
      return static_cast<float>(std::sqrt(squares / count));
  }
}

float feature_distance(std::span<const float> feature, std::span<const float> previous) {
  return static_cast<float>(1.0 - cosine(feature, previous));
}

float feature_similarity(std::span<const float> a, std::span<const float> b) {
  return static_cast<float>(std::clamp(cosine(a, b), -1.0, 1.0));
}

}  // namespace deer
