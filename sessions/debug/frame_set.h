// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QtGlobal>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace deer {

/// Some of an episode's frames, a bit each: a million of them are searched in microseconds. A value.
class FrameSet {
 public:
  void reset(qint64 frames);  ///< of an episode of so many; none is in it
  void grow(qint64 frames);

  qint64 frames() const { return frames_; }
  qint64 count() const { return count_; }
  bool contains(qint64 frame) const;
  void set(qint64 frame, bool in);  ///< does nothing outside the episode
  /// Frames first to first + count - 1 are in it just if they are among `members`, which lie inside.
  void assign(qint64 first, qint64 count, std::span<const qint64> members);

  void unite(const FrameSet& other);  ///< of the same episode

  /// The nearest after `frame`, which may be -1; before `frame`, which may be frames().
  std::optional<qint64> next(qint64 frame) const;
  std::optional<qint64> previous(qint64 frame) const;
  /// The nearest to `frame` within `reach` frames; the earlier of two.
  std::optional<qint64> nearest(qint64 frame, qint64 reach) const;
  std::vector<qint64> members() const;

  bool operator==(const FrameSet&) const = default;

 private:
  static constexpr qint64 kBits = 64;

  std::vector<std::uint64_t> words_;
  qint64 frames_ = 0;
  qint64 count_ = 0;
};

}  // namespace deer
