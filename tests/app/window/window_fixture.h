// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTemporaryDir>
#include <QTest>
#include <memory>

#include "app/gui/window/main_window.h"
#include "tests/sessions/support/session_fixture.h"

namespace deer::test {

/// The real window over a session with fake engine and data, and a settings folder of its own.
struct WindowFixture : SessionFixture {
  explicit WindowFixture(QSize size = {1280, 800}, FakeControlPtr given = std::make_shared<FakeControl>())
      : SessionFixture(60, std::move(given)), window(std::make_unique<MainWindow>(&session, store())) {
    window->resize(size);
    window->show();
    shown = QTest::qWaitForWindowExposed(window.get());
  }

  SessionStore store() const { return SessionStore(folder.filePath("settings").toStdString()); }
  /// Lets deferred refreshes and queued replots happen.
  void settle() { QTest::qWait(250); }

  QTemporaryDir folder;
  std::unique_ptr<MainWindow> window;
  bool shown = false;
};

/// The visible control of this accessible name in `in`; null if there is none.
template <typename T>
T* control(QWidget* in, const QString& accessible_name) {
  for (auto* const one : in->findChildren<T*>()) {
    if (one->accessibleName() == accessible_name && one->isVisible()) return one;
  }
  return nullptr;
}

}  // namespace deer::test
