// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTest>

#include "sessions/frames/playback.h"
#include "tests/sessions/suites.h"
#include "tests/sessions/support/fakes.h"

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
