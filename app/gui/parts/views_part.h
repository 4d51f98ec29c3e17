// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QWidget>
#include <functional>
#include <vector>

#include "sessions/session/session.h"

namespace deer {

class ActionPlots;
class Budget;
class CalibrationView;
class CalibrationWatch;
class CommandTable;
class CompareView;
class Comparison;
class ExitSteps;
class LatencyView;
class ViewExports;

/// The views that look deeper into a run, as a part of the window: a frame exit by exit, actions over time, calibration
/// health, latency and memory, two runs beside each other; and taking values and pictures out of every view.
class ViewsPart : public QObject {
  Q_OBJECT

 public:
  /// All must outlive it; `window` owns it, and dialogs appear over it.
  ViewsPart(Session* session, Budget* budget, QWidget* window);

  ExitSteps* exits() const { return exits_; }
  ActionPlots* action_plots() const { return action_plots_; }
  CalibrationView* calibration() const { return calibration_; }
  LatencyView* latency() const { return latency_; }
  CompareView* compare() const { return compare_; }
  ViewExports* exports() const { return exports_; }
  bool comparing() const;  ///< a run is kept beside the present one

  void add_commands(CommandTable* commands);
  /// Gives the export menu to these views and to all others that `window` holds. Once, when all are there.
  void add_exports();
  /// How a trace to compare with is asked for; a test answers in the person's place. Empty answer: cancelled.
  void set_trace_chooser(std::function<QString()> chooser) { choose_trace_ = std::move(chooser); }

 Q_SIGNALS:
  void open_calibration_requested();
  void compare_requested();  ///< the panel is to be seen
  void problem(const deer::Problem& problem);
  void warning(const deer::Problem& problem);

 private:
  void warn_of_drift();
  void add_compare_commands(CommandTable* commands);
  void compare_with_thresholds();
  void compare_with_trace();
  /// Keeps the run as it stands, unless one is kept already, and puts `policy` in force.
  void compare_with(const ExitPolicy& policy);

  Session* session_;
  QWidget* window_;
  CalibrationWatch* watch_;
  ViewExports* exports_;
  ExitSteps* exits_;
  ActionPlots* action_plots_;
  CalibrationView* calibration_;
  LatencyView* latency_;
  Comparison* comparison_;
  CompareView* compare_;
  std::function<QString()> choose_trace_;
};

}  // namespace deer
