// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

#include "sessions/session/session.h"

namespace deer {

class CommandTable;
class LiveBar;

/// Live runs as a part of the window: the bar that controls one, and the commands that do the same.
class LivePart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it; `session` must outlive it.
  LivePart(Session* session, QWidget* window);

  LiveBar* bar() const { return bar_; }  ///< to be put into a layout, which then owns it
  void add_commands(CommandTable* commands);

 private:
  Session* session_;
  LiveBar* bar_;
};

}  // namespace deer
