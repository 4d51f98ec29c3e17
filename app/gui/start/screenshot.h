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

/// Waits until everything that the command line asked for is loaded, evaluated and drawn, writes the
/// window, or the dialog that is open over it, to a PNG file and reports the exit code: 0, or 1 with one line on
/// standard error. A view that is not through after `patience` is drawn as it is, and a line says so.
class Screenshot : public QObject {
  Q_OBJECT

 public:
  static constexpr std::chrono::milliseconds kPatience{20'000};

  Screenshot(const LaunchOptions& options, Session* session, QWidget* window,
             std::chrono::milliseconds patience = kPatience);

  /// How a command of the options is run; false if it cannot. Without one, commands are not run.
  void set_runner(std::function<bool(const QString& id)> run) { run_command_ = std::move(run); }

 Q_SIGNALS:
  void finished(int exit_code);

 private:
  void look();
  bool loaded() const;  ///< all that was asked for is there
  bool drawn();         ///< or was waited for long enough
  void take();
  void run_next_command();

  LaunchOptions options_;
  std::function<bool(const QString&)> run_command_;
  Session* session_;
  QWidget* window_;
  const std::chrono::milliseconds patience_;
  QTimer timer_;
  QElapsedTimer drawing_;  ///< since all is loaded
  bool gave_up_ = false;
  QString problem_;
  int settled_looks_ = 0;
};

}  // namespace deer
