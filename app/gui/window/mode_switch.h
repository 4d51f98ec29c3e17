// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QWidget>
#include <optional>

#include "sessions/session/session.h"

namespace deer {

class CommandTable;
class ComparePart;

/// What the window is used for: Recorded, Live, Compare or Present. A command each, and a row of buttons.
class ModeSwitch : public QObject {
  Q_OBJECT

 public:
  enum class Mode { recorded, live, compare };

  /// All must outlive it; `window` owns it.
  ModeSwitch(Session* session, ComparePart* compare, QWidget* window);

  Mode mode() const;
  /// `commands` has view.present already, or gets it later.
  void add_commands(CommandTable* commands, const QString& menu);
  QWidget* make_buttons(CommandTable* commands);

 private:
  void show_recorded();
  void show_live();
  void show_compare();

  Session* session_;
  ComparePart* compare_;
  CommandTable* commands_ = nullptr;
  std::optional<std::size_t> episode_;  // of the collection, the last one shown
};

}  // namespace deer
