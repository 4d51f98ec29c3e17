// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>
#include <chrono>
#include <functional>

#include "app/gui/start/launch_options.h"
#include "sessions/session/session.h"

class QWidget;

namespace deer {

/// Waits until everything the command line asked for is loaded, evaluated and drawn, writes the window, or the dialog
/// that is open over it, to a PNG file and reports the exit code: 0, or 1 with one line on standard error. A live run
/// is never finished: its picture is taken when the frame asked for has been shown for a moment.
class Screenshot : public QObject {
  Q_OBJECT

 public:
  struct Patience {
    std::chrono::milliseconds drawing{20'000};    ///< then a view is taken as it is, and a line says so
    std::chrono::milliseconds progress{180'000};  ///< without any, then it fails
  };

  Screenshot(const LaunchOptions& options, Session* session, QWidget* window, const Patience& patience);

  void fail(const Problem& problem);  ///< the first one counts

  /// Runs a command of the options; false if it cannot. Without it, commands are not run.
  void set_runner(std::function<bool(const QString& id)> run) { run_command_ = std::move(run); }

 Q_SIGNALS:
  void finished(int exit_code);

 private:
  void look();
  bool loaded() const;  ///< everything asked for is there, or something failed
  bool drawn();         ///< or waited for long enough
  void watch_progress();
  void take();
  void run_next_command();

  LaunchOptions options_;
  const bool wants_model_, wants_episode_;
  std::function<bool(const QString&)> run_command_;
  Session* session_;
  QWidget* window_;
  const Patience patience_;
  QTimer timer_;
  QElapsedTimer drawing_;   ///< since everything is loaded
  QElapsedTimer progress_;  ///< since something changed
  QString state_;           ///< what was reached then
  bool gave_up_ = false;
  QString problem_;
  int settled_looks_ = 0;
};

}  // namespace deer
