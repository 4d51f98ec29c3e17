// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QTimer>
#include <array>
#include <functional>
#include <optional>

namespace deer {

class PlayedFrames;

/// Moves the current frame in real time. Time decides which frame is due, so a slow machine
/// skips frames and never lags behind. Setting the current frame by other means while it plays goes
/// on from there. GUI thread only.
class Playback : public QObject {
  Q_OBJECT

 public:
  /// Nanoseconds of a clock that never goes back; the system's steady clock unless a test gives one.
  using Clock = std::function<qint64()>;

  static constexpr std::array<double, 5> kSpeeds{0.25, 0.5, 1.0, 2.0, 4.0};

  explicit Playback(PlayedFrames* frames, Clock clock = {}, QObject* parent = nullptr);

  bool playing() const { return timer_.isActive(); }
  void play();  ///< from the start if the last frame is shown; does nothing without frames
  void pause();
  void toggle();

  double speed() const { return speed_; }
  void set_speed(double speed);  ///< clamped to [0.25, 4]
  void faster();                 ///< the next of kSpeeds
  void slower();

  bool looping() const { return looping_; }
  void set_looping(bool looping);

  /// The stretch that is played, both ends inclusive: the whole episode unless set. -1 clears an end.
  qint64 loop_first() const;
  qint64 loop_last() const;
  void set_loop_range(qint64 first, qint64 last);

  void step(qint64 frames);  ///< pauses, then moves by so many frames
  void go_to(qint64 frame);  ///< pauses, then shows this frame

  /// Asked while it plays, before it moves on over frames `first` to `last`: a frame of these to stop at, or none.
  using Gate = std::function<std::optional<qint64>(qint64 first, qint64 last)>;
  void set_gate(Gate gate) { gate_ = std::move(gate); }

  /// Shows the frame that is due now. The timer calls it; tests do with a clock of their own.
  void tick();

 Q_SIGNALS:
  void playing_changed(bool playing);
  void speed_changed(double speed);
  void looping_changed(bool looping);
  void loop_range_changed();
  void gate_closed(qint64 frame);  ///< it stopped at this frame, which is shown

 private:
  void anchor();
  bool stops_between(qint64 first, qint64 last);

  PlayedFrames* frames_;
  Clock clock_;
  Gate gate_;
  QTimer timer_;
  double speed_ = 1.0;
  bool looping_ = false;
  qint64 loop_first_ = -1;
  qint64 loop_last_ = -1;
  qint64 anchor_ns_ = 0;
  qint64 anchor_frame_ = 0;
  qint64 shown_frame_ = -1;
};

}  // namespace deer
