// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QMutex>
#include <QStringList>
#include <QtMessageHandler>

namespace deer::test {

/// While it lives, remembers every Qt warning and error that was not declared by expect(). Check
/// unexpected() at the end of each test; from any thread. One at a time.
class LogGuard {
 public:
  LogGuard();
  ~LogGuard();
  LogGuard(const LogGuard&) = delete;
  LogGuard& operator=(const LogGuard&) = delete;

  /// Messages that contain this text are fine from now on.
  void expect(const QString& text);
  /// What was logged since the last call, and should not have been.
  QStringList unexpected();

 private:
  static void handle(QtMsgType type, const QMessageLogContext& context, const QString& message);

  QMutex mutex_;
  QStringList expected_;
  QStringList unexpected_;
  QtMessageHandler previous_;
};

}  // namespace deer::test
