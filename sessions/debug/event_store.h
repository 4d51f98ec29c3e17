// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/debug/frame_event.h"

namespace deer {

/// A set of kinds, a bit each.
using EventKinds = std::uint32_t;
inline constexpr EventKinds kEveryKind = (EventKinds{1} << kFrameEventKinds) - 1;
constexpr EventKinds kind_bit(FrameEventKind kind) { return EventKinds{1} << static_cast<int>(kind); }

/// The events of an episode in order of frames: those found in its records, which are replaced as records change, and
/// those that happened, which stay. Millions of them are counted and found by row without going over them all.
class EventStore {
 public:
  void reset(qint64 frames);
  void grow(qint64 frames);

  /// `events` are all that the records of these frames give, in order of frames.
  void replace(qint64 first, qint64 count, std::span<const FrameEvent> events);
  /// Something that happened; `frame` is moved into the episode.
  void add(FrameEvent event, const QString& text);

  qint64 count(EventKinds kinds) const;
  /// Of those of these kinds; `row` must be below count(kinds).
  FrameEvent at(EventKinds kinds, qint64 row) const;
  /// The first row at or after `frame`; count(kinds) if there is none.
  qint64 row_of(EventKinds kinds, qint64 frame) const;
  QString text(const FrameEvent& event) const;

 private:
  static constexpr qint64 kBlock = 4096;  // frames

  struct Block {
    std::vector<FrameEvent> found;
    std::vector<FrameEvent> happened;
    std::array<qint64, kFrameEventKinds> counts{};
    qint64 count(EventKinds kinds) const;
    void recount();
  };

  const std::vector<FrameEvent>& shown(EventKinds kinds, std::size_t block) const;
  void prepare(EventKinds kinds) const;

  std::vector<Block> blocks_;
  std::vector<QString> texts_;
  // For the kinds asked for last.
  mutable EventKinds kinds_ = 0;
  mutable bool stale_ = true;
  mutable std::vector<qint64> first_rows_;  ///< of each block, and the number of all
  mutable std::size_t shown_block_ = 0;
  mutable std::vector<FrameEvent> shown_;
};

}  // namespace deer
