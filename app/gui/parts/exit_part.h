// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

#include "sessions/session/session.h"

namespace deer {

class CommandTable;
class ExitSteps;
class ViewExports;

/// The exits of a frame as a part of the window: their view, and the commands that select one or step through them.
class ExitPart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it; `session` must outlive it.
  ExitPart(Session* session, QWidget* window);

  ExitSteps* view() const { return view_; }
  void add_commands(CommandTable* commands);
  void add_exports(ViewExports* exports);

 private:
  Session* session_;
  ExitSteps* view_;
};

}  // namespace deer
