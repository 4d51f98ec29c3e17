// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

#include "widgets/timeline/timeline_marks.h"

namespace deer {

class Bookmarks;
class Debugger;
class ForcedExits;
class Session;
class TimelinePlot;

/// Sets the marks of the timeline: breakpoints, gripper events, forced exits, bookmarks, the loop.
class TimelineDebug : public QObject {
  Q_OBJECT

 public:
  /// All must outlive it, except the plot.
  TimelineDebug(Session* session, Debugger* debugger, Bookmarks* bookmarks, ForcedExits* forced, TimelinePlot* plot,
                QObject* parent = nullptr);

  /// Whether scrubbing snaps to nearby marks.
  bool snaps() const { return snaps_; }
  void set_snaps(bool snaps);

 private:
  void update();

  Session* session_;
  Debugger* debugger_;
  Bookmarks* bookmarks_;
  ForcedExits* forced_;
  TimelinePlot* plot_;
  bool snaps_ = true;
};

}  // namespace deer
