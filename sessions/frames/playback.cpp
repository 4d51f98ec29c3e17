// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/frames/playback.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "sessions/frames/playback_clock.h"
#include "sessions/frames/played_frames.h"

namespace deer {
namespace {

constexpr int kTickMs = 8;  // finer than a screen refresh, so that no due frame is shown late

qint64 steady_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

Playback::Playback(PlayedFrames* frames, Clock clock, QObject* parent)
    : QObject(parent), frames_(frames), clock_(clock ? std::move(clock) : Clock(steady_ns)) {
  timer_.setTimerType(Qt::PreciseTimer);
  timer_.setInterval(kTickMs);
  connect(&timer_, &QTimer::timeout, this, &Playback::tick);
  connect(frames_, &PlayedFrames::episode_changed, this, [this] {
    pause();
    set_loop_range(-1, -1);
  });
}

void Playback::play() {
  if (playing() || frames_->frame_count() == 0) return;
  const auto frame = frames_->current_frame();
  if (frame < loop_first() || frame >= loop_last()) frames_->set_current_frame(loop_first());
  anchor();
  timer_.start();
  Q_EMIT playing_changed(true);
}

void Playback::pause() {
  if (!playing()) return;
  timer_.stop();
  Q_EMIT playing_changed(false);
}

void Playback::toggle() { playing() ? pause() : play(); }

void Playback::set_speed(double speed) {
  if (!std::isfinite(speed)) return;
  speed = std::clamp(speed, kSpeeds.front(), kSpeeds.back());
  if (speed == speed_) return;
  speed_ = speed;
  if (playing()) anchor();
  Q_EMIT speed_changed(speed_);
}

void Playback::faster() {
  const auto next = std::upper_bound(kSpeeds.begin(), kSpeeds.end(), speed_);
  if (next != kSpeeds.end()) set_speed(*next);
}

void Playback::slower() {
  const auto here = std::lower_bound(kSpeeds.begin(), kSpeeds.end(), speed_);
  if (here != kSpeeds.begin()) set_speed(*(here - 1));
}

void Playback::set_looping(bool looping) {
  if (looping == looping_) return;
  looping_ = looping;
  Q_EMIT looping_changed(looping_);
}

qint64 Playback::loop_first() const {
  return std::clamp<qint64>(loop_first_, 0, std::max<qint64>(frames_->frame_count() - 1, 0));
}

qint64 Playback::loop_last() const {
  const auto last = frames_->frame_count() - 1;
  return loop_last_ < 0 ? last : std::min(loop_last_, last);
}

void Playback::set_loop_range(qint64 first, qint64 last) {
  if (first >= 0 && last >= 0 && first > last) std::swap(first, last);
  if (first == loop_first_ && last == loop_last_) return;
  loop_first_ = first;
  loop_last_ = last;
  Q_EMIT loop_range_changed();
}

void Playback::step(qint64 frames) { go_to(frames_->current_frame() + frames); }

void Playback::go_to(qint64 frame) {
  pause();
  frames_->set_current_frame(frame);
}

void Playback::anchor() {
  anchor_ns_ = clock_();
  anchor_frame_ = shown_frame_ = frames_->current_frame();
}

bool Playback::stops_between(qint64 first, qint64 last) {
  if (!gate_ || first > last) return false;
  const auto stop = gate_(first, last);
  if (!stop) return false;
  shown_frame_ = *stop;
  frames_->set_current_frame(*stop);
  pause();
  Q_EMIT gate_closed(*stop);
  return true;
}

void Playback::tick() {
  if (!playing()) return;
  if (frames_->frame_count() == 0) return pause();
  if (frames_->current_frame() != shown_frame_) anchor();
  const double fps = frames_->frames_per_second();
  const auto first = loop_first();
  const auto last = loop_last();
  const auto due =
      advance({anchor_frame_, anchor_ns_, speed_ * (fps > 0 ? fps : 30.0), first, last, looping_}, clock_());
  if (due.wrapped > 0) {
    if (stops_between(shown_frame_ + 1, last)) return;
    if (due.wrapped > 1 && stops_between(first, last)) return;
    if (stops_between(first, due.frame)) return;
    anchor_frame_ = due.frame;
    anchor_ns_ = due.anchor_ns;
  } else if (due.frame == shown_frame_ && !due.ended) {
    return;
  } else if (stops_between(shown_frame_ + 1, due.frame)) {
    return;
  }
  shown_frame_ = due.frame;
  frames_->set_current_frame(due.frame);
  if (due.ended) pause();
}

}  // namespace deer
