// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/log_guard.h"

#include <algorithm>

namespace deer::test {
namespace {

LogGuard* g_guard = nullptr;

}  // namespace

LogGuard::LogGuard() {
  g_guard = this;
  previous_ = qInstallMessageHandler(&LogGuard::handle);
}

LogGuard::~LogGuard() {
  qInstallMessageHandler(previous_);
  g_guard = nullptr;
}

void LogGuard::expect(const QString& text) {
  const QMutexLocker lock(&mutex_);
  expected_ << text;
}

QStringList LogGuard::unexpected() {
  const QMutexLocker lock(&mutex_);
  return std::exchange(unexpected_, {});
}

void LogGuard::handle(QtMsgType type, const QMessageLogContext& context, const QString& message) {
  auto* const guard = g_guard;
  if (!guard) return;
  if (type != QtDebugMsg && type != QtInfoMsg) {
    const QMutexLocker lock(&guard->mutex_);
    const bool declared = std::any_of(guard->expected_.begin(), guard->expected_.end(),
                                      [&](const QString& text) { return message.contains(text); });
    if (!declared) guard->unexpected_ << message;
  }
  if (guard->previous_) guard->previous_(type, context, message);
}

}  // namespace deer::test
