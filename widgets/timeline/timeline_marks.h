// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QStringList>

#include "sessions/debug/frame_set.h"
#include "widgets/timeline/timeline_layers.h"

namespace deer {

/// What happened at which frames, for the timeline.
struct TimelineMarks {
  FrameSet gripper_opens;
  FrameSet gripper_closes;
  FrameSet breakpoints;
  FrameSet forced;
  FrameSet bookmarks;
  qint64 loop_first = -1;  ///< the stretch that is looped; -1: none
  qint64 loop_last = -1;

  /// The frame of the nearest mark within `reach` frames, or none.
  std::optional<qint64> nearest(qint64 frame, qint64 reach) const;
  /// What there is from `first` to `last`, a line a kind.
  QStringList texts(qint64 first, qint64 last) const;
};

/// The track of events: each kind a shape of its own, from the left to the right of a frame. A bucket that holds any is
/// marked once.
class EventLayer : public TimelineLayer {
  Q_OBJECT
 public:
  EventLayer(QCPAxisRect* rect, const TimelineData* data, const TimelineMarks* marks)
      : TimelineLayer(rect, data), marks_(marks) {}

  /// Frames that lie under the shapes of one place, `pixels` to each side.
  qint64 reach(int pixels) const;

 protected:
  void draw(QCPPainter* painter) override;

 private:
  const TimelineMarks* marks_;
};

/// Over the depth track: pins on frames whose exit was set by hand.
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

/// Fades what lies outside the loop, in any track, and draws its ends.
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

/// Distance of the executed action from the deepest exit's, as a filled curve: the largest of each bucket.
class RegretLayer : public TimelineLayer {
  Q_OBJECT
 public:
  using TimelineLayer::TimelineLayer;

 protected:
  void draw(QCPPainter* painter) override;
};

}  // namespace deer
