// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <functional>

#include "sessions/session/session.h"
#include "sessions/threads/newest_task.h"

namespace deer {

class CommandTable;
class CompareView;
class Comparison;
class TimelineView;
class ViewExports;

/// Comparing the run with kept runs, as a part of the window: the view, and the commands that choose what to compare
/// with.
class ComparePart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it, and dialogs appear over it; `session` must outlive it.
  ComparePart(Session* session, QWidget* window);

  CompareView* view() const { return view_; }
  bool comparing() const;  ///< a kept run is shown

  /// Draws the depths of the shown runs over the run's own in the timeline.
  void show_runs_in(TimelineView* timeline);
  void add_commands(CommandTable* commands);
  void add_exports(ViewExports* exports);
  void use_run_as_baseline();
  void hide_runs();
  void show_panel() { Q_EMIT panel_requested(); }

  /// How a trace to compare with is chosen; a test can answer instead of a dialog. Empty: cancelled.
  void set_trace_chooser(std::function<QString()> chooser) { choose_trace_ = std::move(chooser); }
  /// Makes the run as it would be under the thresholds of `file`, read in the background, the baseline.
  void compare_with_thresholds(const QString& file);

 Q_SIGNALS:
  void panel_requested();
  void problem(const deer::Problem& problem);

 private:
  void choose_thresholds();
  void compare_with_trace();
  void compare_with_exit(std::optional<int> layer);  ///< none: the deepest
  /// Makes the run as it would be under `policy` the baseline; the session's policy stays.
  void compare_with(const ExitPolicy& policy);
  void go_to_difference(int direction);

  Session* session_;
  QWidget* window_;
  Comparison* comparison_;
  CompareView* view_;
  std::function<QString()> choose_trace_;
  NewestTask reading_;  ///< thresholds
};

}  // namespace deer
