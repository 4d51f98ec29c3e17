// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <vector>

#include "sessions/debug/debug_state.h"
#include "sessions/session/session.h"

class QDockWidget;

namespace deer {

class Bookmarks;
class BreakpointPanel;
class Budget;
class CommandTable;
class Debugger;
class EventLog;
class ForcedExits;
class ThresholdFlips;
class TimelineDebug;
class TimelineView;
class WatchPanel;
class InterventionPanel;
class WhatIfPanel;

/// Breakpoints, watches, events and what-if as a part of the window: their views, commands, and what a session saves of
/// them.
class DebugPart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it, and dialogs appear over it.
  DebugPart(Session* session, Budget* budget, TimelineView* timeline, QWidget* window);

  /// A view that wants a dock of its own.
  struct Panel {
    QString name;
    QString title;
    QWidget* view;
  };
  std::vector<Panel> panels() const;
  /// The docks that the panels were put into, in the same order.
  void set_docks(std::vector<QDockWidget*> docks) { docks_ = std::move(docks); }
  const std::vector<QDockWidget*>& docks() const { return docks_; }

  void add_commands(CommandTable* commands);
  DebugState state() const;
  void restore(const DebugState& state);

  Debugger* debugger() const { return debugger_; }
  Bookmarks* bookmarks() const { return bookmarks_; }
  ForcedExits* forced() const { return forced_; }
  ThresholdFlips* flips() const { return flips_; }

 Q_SIGNALS:
  void problem(const deer::Problem& problem);
  void note(const deer::Problem& problem);  ///< information, no problem
  void settled(deer::ProblemId id);         ///< notes of this kind are out of date

 private:
  void add_breakpoint_commands(CommandTable* commands);
  void add_step_commands(CommandTable* commands);
  void add_what_if_commands(CommandTable* commands);
  void add_bookmark_commands(CommandTable* commands);
  bool any_breakpoint_enabled() const;
  void enable_breakpoints(bool enable);
  void show_panel(std::size_t index);
  void choose_thresholds();
  void choose_csv();
  void go_to_bookmark(int direction);

  Session* session_;
  Budget* budget_;
  TimelineView* timeline_;
  QWidget* window_;
  Debugger* debugger_;
  Bookmarks* bookmarks_;
  ForcedExits* forced_;
  ThresholdFlips* flips_;
  BreakpointPanel* breakpoint_panel_;
  WatchPanel* watch_panel_;
  EventLog* event_log_;
  WhatIfPanel* what_if_panel_;
  InterventionPanel* intervention_panel_;
  TimelineDebug* marks_;
  std::vector<QDockWidget*> docks_;
};

}  // namespace deer
