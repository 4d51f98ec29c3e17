// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/study/feature_map.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr int kMostSteps = 300;
constexpr double kConverged = 1e-10;  // change of a direction's squared length

using Vector = std::vector<double>;

const std::vector<float>* feature_of(const FrameRecordPtr& record, std::optional<int> layer) {
  const auto* const probe = record ? record->probe_at(layer.value_or(record->exit_layer)) : nullptr;
  return probe && !probe->feature.empty() ? &probe->feature : nullptr;
}

double dot(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

double normalise(Vector& v) {
  const double length = std::sqrt(dot(v, v));
  if (length > 0) {
    for (auto& value : v) value /= length;
  }
  return length;
}

void remove_part(Vector& v, const Vector& direction) {
  const double part = dot(v, direction);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] -= part * direction[i];
}

// The direction of most variance that is orthogonal to `before`, by power iteration; its variance times the number of
// rows. Rows are centred.
double leading_direction(const std::vector<Vector>& rows, std::span<const Vector> before, Vector& direction,
                         const std::stop_token& stop) {
  direction.assign(rows.front().size(), 0);
  // A row is no worse a start than chance, and gives the same map each time.
  for (const auto& row : rows) {
    auto start = row;
    for (const auto& one : before) remove_part(start, one);
    if (normalise(start) > 0) {
      direction = std::move(start);
      break;
    }
  }
  double variance = 0;
  for (int step = 0; step < kMostSteps; ++step) {
    if (stop.stop_requested()) throw Cancelled();
    Vector next(direction.size(), 0);
    for (const auto& row : rows) {
      const double along = dot(row, direction);
      for (std::size_t i = 0; i < next.size(); ++i) next[i] += along * row[i];
    }
    for (const auto& one : before) remove_part(next, one);
    variance = normalise(next);
    const double same = dot(next, direction);
    direction = std::move(next);
    if (variance <= 0 || 1 - same * same < kConverged) break;
  }
  const auto largest = std::ranges::max_element(direction, {}, [](double value) { return std::abs(value); });
  if (largest != direction.end() && *largest < 0) {
    for (auto& value : direction) value = -value;
  }
  return variance;
}

}  // namespace

FeatureMap map_features(std::span<const FrameRecordPtr> records, std::optional<int> layer, std::size_t most_frames,
                        const std::stop_token& stop) {
  constexpr float kNowhere = std::numeric_limits<float>::quiet_NaN();
  FeatureMap out;
  out.places.assign(records.size(), {kNowhere, kNowhere});
  std::vector<std::size_t> known;
  std::size_t width = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto* const feature = feature_of(records[i], layer);
    if (!feature) continue;
    if (width == 0) width = feature->size();
    if (feature->size() == width) known.push_back(i);
  }
  out.frames = known.size();
  if (known.size() < 3) return out;

  std::vector<Vector> rows;
  const auto count = std::min(known.size(), std::max<std::size_t>(3, most_frames));
  for (std::size_t k = 0; k < count; ++k) {
    const auto& feature = *feature_of(records[known[k * (known.size() - 1) / (count - 1)]], layer);
    rows.emplace_back(feature.begin(), feature.end());
  }
  Vector mean(width, 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < width; ++i) mean[i] += row[i] / static_cast<double>(rows.size());
  }
  double total = 0;
  for (auto& row : rows) {
    for (std::size_t i = 0; i < width; ++i) row[i] -= mean[i];
    total += dot(row, row);
  }
  // What rounding leaves of features that are all the same has no direction.
  if (total <= 1e-12 * static_cast<double>(rows.size()) * dot(mean, mean)) {
    for (const auto i : known) out.places[i] = {0, 0};
    return out;
  }
  std::vector<Vector> directions;
  for (std::size_t axis = 0; axis < 2; ++axis) {
    Vector direction;
    const double variance = leading_direction(rows, directions, direction, stop);
    out.shares[axis] = variance / total;
    directions.push_back(std::move(direction));
  }
  for (const auto i : known) {
    if (stop.stop_requested()) throw Cancelled();
    const auto& feature = *feature_of(records[i], layer);
    for (std::size_t axis = 0; axis < 2; ++axis) {
      double place = 0;
      for (std::size_t k = 0; k < width; ++k) {
        place += (static_cast<double>(feature[k]) - mean[k]) * directions[axis][k];
      }
      out.places[i][axis] = static_cast<float>(place);
    }
  }
  return out;
}

}  // namespace deer
