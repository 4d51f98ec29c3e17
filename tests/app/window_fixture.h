// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTemporaryDir>
#include <QTest>
#include <memory>

#include "app/gui/main_window.h"
#include "tests/sessions/fakes.h"

namespace deer::test {

inline constexpr int kPatienceMs = 30000;

/// The real window over a session with fake engine and data, and a settings folder of its own.
struct WindowFixture {
  explicit WindowFixture(QSize size = {1280, 800}, FakeControlPtr given = std::make_shared<FakeControl>())
      : control(std::move(given)),
        session(fake_engine_factory(control), fake_source_opener(control, 60)),
        window(std::make_unique<MainWindow>(&session, store())) {
    window->resize(size);
    window->show();
    shown = QTest::qWaitForWindowExposed(window.get());
  }

  SessionStore store() const { return SessionStore(folder.filePath("settings").toStdString()); }
  bool idle() const { return session.activity() == Session::Activity::idle; }
  bool wait_idle() {
    return QTest::qWaitFor([this] { return idle(); }, kPatienceMs);
  }
  bool open() {
    session.open_model("/models/deer-nano");
    session.open_source("/data/task_D");
    return QTest::qWaitFor([this] { return session.model() && session.episode() && idle(); }, kPatienceMs);
  }
  bool open_and_run() {
    if (!open()) return false;
    session.run_episode();
    return wait_idle() && session.evaluated_count() == session.frame_count();
  }
  /// Lets deferred refreshes and queued replots happen.
  void settle() { QTest::qWait(250); }

  QTemporaryDir folder;
  FakeControlPtr control;
  Session session;
  std::unique_ptr<MainWindow> window;
  bool shown = false;
};

}  // namespace deer::test
