// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QTimer>
#include <functional>

#include "app/gui/launch_options.h"
#include "sessions/session.h"

class QWidget;

namespace deer {

/// Waits until everything that the command line asked for is loaded, evaluated and drawn, writes the
/// window to a PNG file and reports the exit code: 0, or 1 with one line on standard error.
class Screenshot : public QObject {
  Q_OBJECT

 public:
  Screenshot(const LaunchOptions& options, Session* session, QWidget* window);

 Q_SIGNALS:
  void finished(int exit_code);

 private:
  void look();
  bool settled() const;
  void take();

  LaunchOptions options_;
  Session* session_;
  QWidget* window_;
  QTimer timer_;
  QString problem_;
  int settled_looks_ = 0;
};

}  // namespace deer
