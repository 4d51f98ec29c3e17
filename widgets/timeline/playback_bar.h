// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "sessions/session/session.h"

class QComboBox;
class QLabel;
class QToolButton;

namespace deer {

/// Play, step, speed, loop and the frame counter. Shows the session's frame and sends requests by signals; it has no
/// timer itself.
class PlaybackBar : public QWidget {
  Q_OBJECT

 public:
  explicit PlaybackBar(Session* session, QWidget* parent = nullptr);

  bool playing() const { return playing_; }
  double speed() const;
  bool loop() const;
  QString counter_text() const;  ///< "frame 72 / 214 · 00:02.4"

 public Q_SLOTS:
  // Setters update the display and emit nothing.
  void set_playing(bool playing);
  void set_speed(double speed);  ///< 0.25, 0.5, 1, 2 or 4; other values are rounded to the nearest
  void set_loop(bool loop);

 Q_SIGNALS:
  void play_toggled(bool playing);
  void step_requested(int frames);  ///< -1 or +1
  void first_requested();
  void last_requested();
  void speed_changed(double speed);
  void loop_toggled(bool loop);

 private:
  void update_counter();
  void update_icons();

  Session* session_;
  bool playing_ = false;
  QToolButton* first_;
  QToolButton* back_;
  QToolButton* play_;
  QToolButton* forward_;
  QToolButton* last_;
  QComboBox* speed_;
  QToolButton* loop_;
  QLabel* counter_;
};

}  // namespace deer
