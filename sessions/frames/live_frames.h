// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QtGlobal>
#include <cstddef>
#include <vector>

#include "core/episodes/frame_source.h"

namespace deer {

/// The observation without its pictures: a few hundred bytes.
ObservationPtr without_pictures(const Observation& observation);

/// What a live run has seen. Observations stay for good; of their pictures, the oldest leave first when
/// all together exceed the room. The newest always stays. Not thread-safe.
class LiveFrames {
 public:
  explicit LiveFrames(std::size_t room_bytes) : room_(room_bytes) {}

  void clear();
  void append(ObservationPtr observation);  ///< never null
  void set_room(std::size_t bytes);

  qint64 count() const { return static_cast<qint64>(frames_.size()); }
  ObservationPtr observation(qint64 frame) const;  ///< null outside [0, count)
  /// Whether the pictures were let go, here or on the way here.
  bool picture_dropped(qint64 frame) const {
    const auto seen = observation(frame);
    return seen && !seen->rgb_static;
  }
  std::size_t picture_bytes() const { return bytes_; }

  /// A stretch for every instruction and every episode that began.
  const std::vector<InstructionSpan>& instructions() const { return spans_; }

 private:
  void evict();

  std::vector<ObservationPtr> frames_;
  std::vector<InstructionSpan> spans_;
  std::size_t room_;
  std::size_t bytes_ = 0;
  qint64 first_with_pictures_ = 0;
};

}  // namespace deer
