// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/lerobot/lerobot_stats.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace deer {
namespace {

constexpr int kPictureSide = 150;  // pixels looked at along the longer side, about

double quantile_of(const std::vector<double>& sorted, double part) {
  const double place = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Json numbers_json(const std::vector<double>& numbers, bool picture) {
  Json out = Json::array();
  for (const double one : numbers) out.push_back(picture ? Json::array({Json::array({one})}) : Json(one));
  return out;
}

}  // namespace

void LerobotStats::add(const LerobotStats& other) {
  if (other.count == 0) return;
  if (count == 0) {
    *this = other;
    return;
  }
  const auto ours = static_cast<double>(count), theirs = static_cast<double>(other.count), all = ours + theirs;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double apart = other.mean[i] - mean[i];
    const double variance =
        (ours * deviation[i] * deviation[i] + theirs * other.deviation[i] * other.deviation[i]) / all +
        ours * theirs * apart * apart / (all * all);
    mean[i] += apart * theirs / all;
    deviation[i] = std::sqrt(variance);
    min[i] = std::min(min[i], other.min[i]);
    max[i] = std::max(max[i], other.max[i]);
    for (std::size_t q = 0; q < quantiles.size(); ++q) {
      quantiles[q][i] = (ours * quantiles[q][i] + theirs * other.quantiles[q][i]) / all;
    }
  }
  count += other.count;
}

LerobotStats lerobot_stats(std::span<const double> values, std::size_t width) {
  LerobotStats out;
  out.count = width == 0 ? 0 : static_cast<std::int64_t>(values.size() / width);
  for (std::size_t column = 0; column < width; ++column) {
    std::vector<double> sorted;
    for (std::size_t at = column; at < values.size(); at += width) {
      if (std::isfinite(values[at])) sorted.push_back(values[at]);
    }
    if (sorted.empty()) sorted.push_back(0);
    std::sort(sorted.begin(), sorted.end());
    double sum = 0, squares = 0;
    for (const double one : sorted) sum += one;
    const double mean = sum / static_cast<double>(sorted.size());
    for (const double one : sorted) squares += (one - mean) * (one - mean);
    out.min.push_back(sorted.front());
    out.max.push_back(sorted.back());
    out.mean.push_back(mean);
    out.deviation.push_back(std::sqrt(squares / static_cast<double>(sorted.size())));
    for (std::size_t q = 0; q < out.quantiles.size(); ++q) {
      out.quantiles[q].push_back(quantile_of(sorted, LerobotStats::kQuantiles[q]));
    }
  }
  return out;
}

Json lerobot_stats_json(const LerobotStats& stats, bool picture) {
  Json out = {{"min", numbers_json(stats.min, picture)},
              {"max", numbers_json(stats.max, picture)},
              {"mean", numbers_json(stats.mean, picture)},
              {"std", numbers_json(stats.deviation, picture)},
              {"count", Json::array({stats.count})}};
  for (std::size_t q = 0; q < LerobotStats::kQuantileNames.size(); ++q) {
    out[LerobotStats::kQuantileNames[q]] = numbers_json(stats.quantiles[q], picture);
  }
  return out;
}

void PictureStats::add(const Image& picture) {
  if (picture.empty()) return;
  const int step = std::max(1, std::max(picture.width, picture.height) / kPictureSide);
  for (int y = 0; y < picture.height; y += step) {
    for (int x = 0; x < picture.width; x += step) {
      const auto at =
          (static_cast<std::size_t>(y) * static_cast<std::size_t>(picture.width) + static_cast<std::size_t>(x)) * 3;
      for (std::size_t channel = 0; channel < 3; ++channel) ++counts_[channel][picture.rgb[at + channel]];
    }
  }
  ++pictures_;
}

LerobotStats PictureStats::stats() const {
  LerobotStats out;
  out.count = pictures_;
  for (const auto& counts : counts_) {
    std::int64_t all = 0;
    double sum = 0, squares = 0;
    int first = -1, last = 0;
    for (int value = 0; value < 256; ++value) {
      const auto count = counts[static_cast<std::size_t>(value)];
      if (count == 0) continue;
      if (first < 0) first = value;
      last = value;
      all += count;
      sum += static_cast<double>(count) * value;
      squares += static_cast<double>(count) * value * value;
    }
    const double weight = std::max<double>(1, static_cast<double>(all));
    const double mean = sum / weight;
    out.min.push_back(std::max(first, 0) / 255.0);
    out.max.push_back(last / 255.0);
    out.mean.push_back(mean / 255);
    out.deviation.push_back(std::sqrt(std::max(0.0, squares / weight - mean * mean)) / 255);
    for (std::size_t q = 0; q < out.quantiles.size(); ++q) {
      const double wanted = LerobotStats::kQuantiles[q] * static_cast<double>(all);
      std::int64_t below = 0;
      int value = 0;
      while (value < 255 && static_cast<double>(below += counts[static_cast<std::size_t>(value)]) < wanted) ++value;
      out.quantiles[q].push_back(value / 255.0);
    }
  }
  return out;
}

}  // namespace deer
