// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/min_max_column.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace deer {

void Extent::add(const Extent& other) {
  if (other.count == 0) return;
  min = count == 0 ? other.min : std::min(min, other.min);
  max = count == 0 ? other.max : std::max(max, other.max);
  count += other.count;
}

void MinMaxColumn::reset(qint64 frames) {
  values_.assign(static_cast<std::size_t>(std::max<qint64>(0, frames)), std::numeric_limits<float>::quiet_NaN());
  levels_.clear();
  for (qint64 nodes = (frames + kFan - 1) / kFan; nodes > 0; nodes = (nodes + kFan - 1) / kFan) {
    levels_.emplace_back(static_cast<std::size_t>(nodes));
    if (nodes == 1) break;
  }
  dirty_first_ = 0;
  dirty_last_ = -1;
}

void MinMaxColumn::grow(qint64 frames) {
  if (frames <= size()) return;
  values_.resize(static_cast<std::size_t>(frames), std::numeric_limits<float>::quiet_NaN());
  // Extents of missing values are empty, so only a new top level must be filled.
  std::size_t level = 0;
  for (qint64 nodes = (frames + kFan - 1) / kFan;; nodes = (nodes + kFan - 1) / kFan, ++level) {
    if (level == levels_.size()) {
      levels_.emplace_back();
      dirty_first_ = 0;
      dirty_last_ = frames - 1;
    }
    levels_[level].resize(static_cast<std::size_t>(nodes));
    if (nodes == 1) break;
  }
}

void MinMaxColumn::set(qint64 frame, float value) {
  values_[static_cast<std::size_t>(frame)] = value;
  if (dirty_last_ < dirty_first_) {
    dirty_first_ = dirty_last_ = frame;
  } else {
    dirty_first_ = std::min(dirty_first_, frame);
    dirty_last_ = std::max(dirty_last_, frame);
  }
}

Extent MinMaxColumn::node(int level, qint64 place) const {
  if (level > 0) return levels_[static_cast<std::size_t>(level - 1)][static_cast<std::size_t>(place)];
  const float value = values_[static_cast<std::size_t>(place)];
  return std::isnan(value) ? Extent{} : Extent{value, value, 1};
}

void MinMaxColumn::update() const {
  if (dirty_last_ < dirty_first_) return;
  qint64 first = dirty_first_, last = dirty_last_, below = size();
  for (int level = 1; level <= static_cast<int>(levels_.size()); ++level) {
    first /= kFan;
    last /= kFan;
    auto& nodes = levels_[static_cast<std::size_t>(level - 1)];
    for (qint64 place = first; place <= last; ++place) {
      Extent sum;
      const qint64 end = std::min(below, (place + 1) * kFan);
      for (qint64 child = place * kFan; child < end; ++child) sum.add(node(level - 1, child));
      nodes[static_cast<std::size_t>(place)] = sum;
    }
    below = static_cast<qint64>(nodes.size());
  }
  dirty_first_ = 0;
  dirty_last_ = -1;
}

Extent MinMaxColumn::extent(qint64 first, qint64 last) const {
  update();
  Extent sum;
  const qint64 end = last + 1;
  for (qint64 at = first; at < end;) {
    int level = 0;
    qint64 step = 1;
    // The largest node that starts here and is inside the range.
    while (level < static_cast<int>(levels_.size()) && at % (step * kFan) == 0 && at + step * kFan <= end) {
      step *= kFan;
      ++level;
    }
    sum.add(node(level, at / step));
    at += step;
  }
  return sum;
}

void MinMaxColumn::assign(std::span<const float> values) {
  const auto frames = static_cast<qint64>(values.size());
  frames < size() ? reset(frames) : grow(frames);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::bit_cast<quint32>(values[i]) != std::bit_cast<quint32>(values_[i])) set(static_cast<qint64>(i), values[i]);
  }
}

}  // namespace deer
