// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <functional>

#include "sessions/session/session.h"

class QDockWidget;

namespace deer {

class CommandTable;
class KeptRuns;
class RunsView;

/// The kept runs as a part of the window: their list, keeping one, and the question before one is removed.
class RunsPart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it, and dialogs appear over it; `session` must outlive it.
  RunsPart(Session* session, QWidget* window);

  RunsView* view() const { return view_; }
  void set_dock(QDockWidget* dock) { dock_ = dock; }
  void add_commands(CommandTable* commands);

  /// How the question before a run is removed is answered; a test can answer instead of a dialog.
  void set_question(std::function<bool(const QString& name)> question) { removes_ = std::move(question); }

 Q_SIGNALS:
  void problem(const deer::Problem& problem);

 private:
  void show();
  void keep();
  void remove(const QString& id);

  Session* session_;
  KeptRuns* kept_;
  RunsView* view_;
  QDockWidget* dock_ = nullptr;
  std::function<bool(const QString& name)> removes_;
};

}  // namespace deer
