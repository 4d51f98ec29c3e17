// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTest>
#include <cmath>

#include "sessions/frames/playback.h"
#include "sessions/frames/playback_clock.h"
#include "tests/sessions/suites.h"
#include "tests/sessions/support/fakes.h"
#include "tests/support/suite.h"

namespace deer::test {

void PlaybackTest::init() {
  control_ = std::make_shared<FakeControl>();
  session_ = std::make_unique<Session>(fake_engine_factory(control_), fake_source_opener(control_, 90));
  session_->open_source("/data/task_D");
  QVERIFY(QTest::qWaitFor([&] { return session_->frame_count() == 90; }, 20000));
  now_ns_ = 1'000'000'000;
  playback_ = std::make_unique<Playback>(session_.get(), [this] { return now_ns_; });
}

void PlaybackTest::cleanup() {
  playback_.reset();
  session_.reset();
}

void PlaybackTest::at(double seconds) {
  now_ns_ = 1'000'000'000 + qint64(seconds * 1e9);
  playback_->tick();
}

void PlaybackTest::time_decides_the_frame() {
  QSignalSpy frames(session_.get(), &Session::current_frame_changed);
  playback_->play();
  QVERIFY(playback_->playing());
  at(0.02);
  QCOMPARE(session_->current_frame(), 0);
  at(0.034);
  QCOMPARE(session_->current_frame(), 1);
  at(1.0);  // a second in which nothing was drawn: 29 frames are skipped, none queued
  QCOMPARE(session_->current_frame(), 30);
  QCOMPARE(frames.count(), 2);
}

void PlaybackTest::speed_scales_time_and_keeps_the_frame() {
  playback_->play();
  at(0.5);
  QCOMPARE(session_->current_frame(), 15);
  playback_->set_speed(4);
  at(0.5);
  QCOMPARE(session_->current_frame(), 15);
  at(0.75);
  QCOMPARE(session_->current_frame(), 45);
  playback_->set_speed(0.25);
  at(1.75);
  QCOMPARE(session_->current_frame(), 52);
  playback_->set_speed(100);
  QCOMPARE(playback_->speed(), 4.0);
  playback_->slower();
  QCOMPARE(playback_->speed(), 2.0);
  playback_->faster();
  playback_->faster();
  QCOMPARE(playback_->speed(), 4.0);
}

void PlaybackTest::stops_at_the_end_and_starts_over() {
  playback_->play();
  at(10);
  QCOMPARE(session_->current_frame(), 89);
  QVERIFY(!playback_->playing());
  playback_->play();
  QCOMPARE(session_->current_frame(), 0);
  QVERIFY(playback_->playing());
}

void PlaybackTest::loops_within_a_range() {
  playback_->set_looping(true);
  playback_->play();
  at(3.5);  // frame 105 of 90
  QCOMPARE(session_->current_frame(), 15);
  QVERIFY(playback_->playing());
  playback_->pause();
  playback_->set_loop_range(29, 20);
  QCOMPARE(playback_->loop_first(), 20);
  QCOMPARE(playback_->loop_last(), 29);
  now_ns_ = 1'000'000'000;
  playback_->play();
  QCOMPARE(session_->current_frame(), 20);
  at(0.51);
  QCOMPARE(session_->current_frame(), 25);
}

void PlaybackTest::advances_by_the_clock_data() {
  QTest::addColumn<qint64>("anchor");
  QTest::addColumn<double>("seconds");
  QTest::addColumn<bool>("looping");
  QTest::addColumn<qint64>("frame");
  QTest::addColumn<qint64>("wrapped");
  QTest::addColumn<bool>("ended");
  QTest::addColumn<double>("due_at");
  const auto row = [](const char* name, qint64 anchor, double seconds, bool looping, qint64 frame, qint64 wrapped,
                      bool ended, double due_at) {
    QTest::newRow(name) << anchor << seconds << looping << frame << wrapped << ended << due_at;
  };
  // Frames 20 to 29, ten a second.
  row("at once", 22, 0, true, 22, 0, false, 0);
  row("not yet due", 22, 0.099, true, 22, 0, false, 0);
  row("due at its very time", 22, 0.1, true, 23, 0, false, 0.1);
  row("some skipped", 22, 0.55, true, 27, 0, false, 0.5);
  row("the last", 22, 0.7, true, 29, 0, false, 0.7);
  row("the first after the last", 22, 0.8, true, 20, 1, false, 0.8);
  row("a wrap keeps the fraction", 22, 0.95, true, 21, 1, false, 0.9);
  row("a whole turn", 22, 1.0, true, 22, 1, false, 1.0);
  row("two turns", 22, 1.8, true, 20, 2, false, 1.8);
  row("the end", 22, 0.7, false, 29, 0, false, 0.7);
  row("past the end", 22, 0.8, false, 29, 0, true, 0.8);
  row("from behind the loop", 85, 0.1, true, 26, 1, false, 0.1);
  row("from before the loop", 10, 0.5, true, 15, 0, false, 0.5);
}

void PlaybackTest::advances_by_the_clock() {
  QFETCH(qint64, anchor);
  QFETCH(double, seconds);
  QFETCH(bool, looping);
  constexpr qint64 kAnchorNs = 5'000'000'000;
  const auto due = advance({anchor, kAnchorNs, 10, 20, 29, looping}, kAnchorNs + std::llround(seconds * 1e9));
  QTEST(qint64(due.frame), "frame");
  QTEST(qint64(due.wrapped), "wrapped");
  QTEST(due.ended, "ended");
  QFETCH(double, due_at);
  QCOMPARE(qint64(due.anchor_ns), kAnchorNs + std::llround(due_at * 1e9));
}

void PlaybackTest::a_loop_stops_only_at_what_it_reaches() {
  std::vector<std::pair<qint64, qint64>> asked;
  playback_->set_gate([&](qint64 first, qint64 last) -> std::optional<qint64> {
    asked.emplace_back(first, last);
    return first <= 58 && 58 <= last ? std::optional<qint64>(58) : std::nullopt;
  });
  playback_->set_looping(true);
  session_->set_current_frame(70);
  playback_->play();
  QSignalSpy frames(session_.get(), &Session::current_frame_changed);
  for (int tick = 1; playback_->playing() && tick < 600; ++tick) at(tick * 0.008);
  // 71 to 89, then every frame from 0 to the breakpoint, each asked about once.
  QCOMPARE(session_->current_frame(), 58);
  QVERIFY(!playback_->playing());
  QCOMPARE(frames.size(), 19 + 59);
  qint64 next = 71;
  for (const auto& [first, last] : asked) {
    if (last < first) continue;
    QCOMPARE(first, next);
    next = last == 89 ? 0 : last + 1;
  }
  QCOMPARE(next, 59);
}

void PlaybackTest::scrubbing_while_playing_goes_on_from_there() {
  playback_->play();
  at(0.5);
  session_->set_current_frame(60);
  at(0.6);
  QCOMPARE(session_->current_frame(), 60);
  at(0.701);
  QCOMPARE(session_->current_frame(), 63);
}

void PlaybackTest::stepping_pauses() {
  playback_->play();
  playback_->step(5);
  QVERIFY(!playback_->playing());
  QCOMPARE(session_->current_frame(), 5);
  playback_->step(-50);
  QCOMPARE(session_->current_frame(), 0);
  playback_->go_to(1000);
  QCOMPARE(session_->current_frame(), 89);
}

void PlaybackTest::runs_on_a_real_clock() {
  auto& real = *session_->playback();
  real.set_speed(4);
  real.play();
  QVERIFY(QTest::qWaitFor([&] { return session_->current_frame() >= 10; }, 20000));
  session_->open_episode(1);
  QVERIFY(QTest::qWaitFor([&] { return session_->frame_count() == 45; }, 20000));
  QVERIFY(!real.playing());
  QCOMPARE(session_->current_frame(), 0);
}

}  // namespace deer::test

DEER_SUITE(deer::test::PlaybackTest)
