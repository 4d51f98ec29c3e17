// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QWidget>
#include <optional>

#include "sessions/session/session.h"

namespace deer {

class CommandTable;
class ViewsPart;

/// What the window is used for, in words: Recorded, Live, Compare, Present. A command each, and a row of them.
class ModeWords : public QObject {
  Q_OBJECT

 public:
  enum class Mode { recorded, live, compare };

  /// All must outlive it; `window` owns it.
  ModeWords(Session* session, ViewsPart* views, QWidget* window);

  Mode mode() const;
  /// `commands` has view.present already, or gets it later.
  void add_commands(CommandTable* commands, const QString& menu);
  QWidget* make_row(CommandTable* commands);

 private:
  void show_recorded();
  void show_live();
  void show_compare();

  Session* session_;
  ViewsPart* views_;
  CommandTable* commands_ = nullptr;
  std::optional<std::size_t> episode_;  // of the collection, shown last
};

}  // namespace deer
