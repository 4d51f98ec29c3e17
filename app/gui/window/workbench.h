// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QWidget>

#include "sessions/session/session.h"

class QSplitter;

namespace deer {

class ArmPart;
class CommandTable;
class OverlayPart;
class TimelineView;

/// The middle of the window while something is open: cameras and arm side by side, the headline, the timeline.
class Workbench : public QWidget {
  Q_OBJECT

 public:
  /// What views ask to have opened goes to `commands`. `window` owns the parts, and dialogs appear over it.
  Workbench(Session* session, CommandTable* commands, QWidget* window);

  TimelineView* timeline() const { return timeline_; }
  ArmPart* arm() const { return arm_; }  ///< null in a build without it
  OverlayPart* overlays() const { return overlays_; }

  void arrange_pictures();  ///< the default arrangement

  /// How pictures and arm are arranged, as a part of a window layout.
  struct Arrangement {
    QByteArray pictures;
    bool arm_shown = true;
    QByteArray arm;
  };
  Arrangement arrangement() const;
  void set_arrangement(const Arrangement& arrangement);

 private:
  QSplitter* pictures_;
  ArmPart* arm_;
  OverlayPart* overlays_;
  TimelineView* timeline_;
};

}  // namespace deer
