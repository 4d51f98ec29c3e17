// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

#include "sessions/session/session.h"

namespace deer {

class CommandTable;
class ViewExports;

/// Export of a view's values and pictures, as a part of the window: the commands, and which views have values.
class ExportPart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it, and dialogs appear over it; `session` must outlive it.
  ExportPart(Session* session, QWidget* window);

  ViewExports* exports() const { return exports_; }
  void add_commands(CommandTable* commands);
  void add_window_command(CommandTable* commands, const QString& menu);  ///< a picture of all of it
  /// Gives the export menu to the views in `window` whose values need nothing but the session. Once, when all are
  /// there; parts add their own views.
  void add_views();

 Q_SIGNALS:
  void problem(const deer::Problem& problem);
  void note(const deer::Problem& note);
  void settled(deer::ProblemId id);  ///< notes of this kind are out of date

 private:
  void save_window();

  Session* session_;
  QWidget* window_;
  ViewExports* exports_;
};

}  // namespace deer
