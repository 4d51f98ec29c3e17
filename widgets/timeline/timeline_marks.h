// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QStringList>

#include "sessions/debug/frame_set.h"
#include "widgets/timeline/timeline_layers.h"

namespace deer {

/// Events by frame, for the timeline.
struct TimelineMarks {
  FrameSet gripper_opens;
  FrameSet gripper_closes;
  FrameSet breakpoints;
  FrameSet forced;
  FrameSet bookmarks;
  qint64 loop_first = -1;  ///< looped range; -1: none
  qint64 loop_last = -1;

  /// The frame of the nearest mark within `reach` frames, or empty.
  std::optional<qint64> nearest(qint64 frame, qint64 reach) const;
  /// Events from `first` to `last`, one line per kind.
  QStringList texts(qint64 first, qint64 last) const;
};

/// The event track: one shape per kind, from left to right within a frame. A bucket with any events is marked once.
class EventLayer : public TimelineLayer {
  Q_OBJECT
 public:
  EventLayer(QCPAxisRect* rect, const TimelineData* data, const TimelineMarks* marks)
      : TimelineLayer(rect, data), marks_(marks) {}

  /// Frames under the shapes at one position, `pixels` to each side.
  qint64 reach(int pixels) const;

 protected:
  void draw(QCPPainter* painter) override;

 private:
  const TimelineMarks* marks_;
};

/// Over the depth track: pins on frames with a forced exit.
class ForcedLayer : public TimelineLayer {
  Q_OBJECT
 public:
  ForcedLayer(QCPAxisRect* rect, const TimelineData* data, const TimelineMarks* marks)
      : TimelineLayer(rect, data), marks_(marks) {}

 protected:
  void draw(QCPPainter* painter) override;

 private:
  const TimelineMarks* marks_;
};

/// Fades everything outside the loop in all tracks, and draws its ends.
class LoopLayer : public TimelineLayer {
  Q_OBJECT
 public:
  LoopLayer(QCPAxisRect* rect, const TimelineData* data, const TimelineMarks* marks)
      : TimelineLayer(rect, data), marks_(marks) {}

 protected:
  void draw(QCPPainter* painter) override;

 private:
  const TimelineMarks* marks_;
};

/// Regret as a filled curve: the largest of each bucket.
class RegretLayer : public TimelineLayer {
  Q_OBJECT
 public:
  using TimelineLayer::TimelineLayer;

 protected:
  void draw(QCPPainter* painter) override;
};

}  // namespace deer
