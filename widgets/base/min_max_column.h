// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QtGlobal>
#include <limits>
#include <span>
#include <vector>

namespace deer {

/// Minimum, maximum and count of a range of values; NaN is not counted.
struct Extent {
  float min = std::numeric_limits<float>::quiet_NaN();
  float max = std::numeric_limits<float>::quiet_NaN();
  qint64 count = 0;

  void add(const Extent& other);
};

/// One value per frame with a pyramid of extents, so that the extremes of any range cost the same whatever its length.
class MinMaxColumn {
 public:
  void reset(qint64 frames);  ///< every value NaN
  void grow(qint64 frames);   ///< to this many; the new values are NaN
  void set(qint64 frame, float value);
  /// Replaces all values; the pyramid is rebuilt only where they changed.
  void assign(std::span<const float> values);
  float at(qint64 frame) const { return values_[static_cast<std::size_t>(frame)]; }
  qint64 size() const { return static_cast<qint64>(values_.size()); }
  /// Of frames first to last, inclusive; both must be valid.
  Extent extent(qint64 first, qint64 last) const;
  Extent all() const { return size() > 0 ? extent(0, size() - 1) : Extent{}; }

 private:
  static constexpr qint64 kFan = 16;

  void update() const;
  Extent node(int level, qint64 place) const;

  std::vector<float> values_;
  mutable std::vector<std::vector<Extent>> levels_;  // levels_[0] holds the extents of 16 values each
  mutable qint64 dirty_first_ = 0;                   // values changed since the pyramid was built
  mutable qint64 dirty_last_ = -1;
};

}  // namespace deer
