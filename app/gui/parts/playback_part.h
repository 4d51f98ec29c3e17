// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

#include "sessions/session/session.h"

namespace deer {

class CommandTable;
class PlaybackBar;

/// Playback as a part of the window: the bar, the commands, and what "play" means for an episode and for a live run.
class PlaybackPart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it; `session` must outlive it.
  PlaybackPart(Session* session, QWidget* window);

  PlaybackBar* bar() const { return bar_; }  ///< to be put into a layout, which then owns it
  void add_commands(CommandTable* commands);

 private:
  void play(bool wanted);  ///< the episode, or the live run if its newest frame is shown
  void show_playing();
  void go_to_exit_change(int direction);
  void set_loop(qint64 first, qint64 last);

  Session* session_;
  Playback* playback_;
  PlaybackBar* bar_;
};

}  // namespace deer
