// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

#include "app/gui/start/engines.h"
#include "sessions/session/session.h"

namespace deer {

class CommandTable;
class ConnectEngineDialog;

/// Models on other computers as a part of the window: the command and dialog that connect to one, and what is said when
/// its connection is lost.
class EnginePart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it, and dialogs appear over it.
  EnginePart(Session* session, QWidget* window);

  /// The engines that the session's factory makes; until then there are none. They must outlive the window.
  void use(Engines* engines);

  /// By which path the model that is open is opened again.
  std::filesystem::path lasting_path(const std::filesystem::path& model) const;

  void add_commands(CommandTable* commands);  ///< none in a build without gRPC
  void choose();                              ///< shows the dialog
  void open(const EngineAddress& engine);

 Q_SIGNALS:
  void opening(deer::ProblemId failure);  ///< a message of this kind is out of date
  void warning(const deer::Problem& problem);
  void note(const deer::Problem& problem);
  void settled(deer::ProblemId id);  ///< what warning() said is over

 private:
  Session* session_;
  QWidget* window_;
  Engines* engines_ = nullptr;
};

}  // namespace deer
