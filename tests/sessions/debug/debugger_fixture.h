// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTest>
#include <vector>

#include "sessions/debug/debugger.h"
#include "tests/sessions/support/fake_live.h"
#include "tests/sessions/support/session_fixture.h"

namespace deer::test {

/// A session with an episode that was run, and what debugs it.
struct DebuggerFixture : SessionFixture {
  explicit DebuggerFixture(int frames = 60) : SessionFixture(frames), debugger(&session) {}

  bool open_and_scan() { return open_and_run() && scanned(); }
  bool scanned() {
    return QTest::qWaitFor([this] { return !debugger.scanning(); }, kPatienceMs);
  }
  bool open_fake_live(qint64 frames) { return open_live(fake_live_opener(live), frames); }
  /// Frames where `holds` says so of the record and the one before.
  template <typename Holds>
  std::vector<qint64> frames_where(Holds holds) const {
    std::vector<qint64> out;
    for (qint64 i = 0; i < session.frame_count(); ++i) {
      const auto record = session.record(i), before = session.record(i - 1);
      if (record && holds(*record, before.get())) out.push_back(i);
    }
    return out;
  }

  FakeLivePtr live = std::make_shared<FakeLive>();
  Debugger debugger;
};

}  // namespace deer::test
