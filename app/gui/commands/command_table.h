// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAction>
#include <QHash>
#include <QKeySequence>
#include <QObject>
#include <QString>
#include <deque>
#include <functional>
#include <initializer_list>

class QActionGroup;
class QMenu;

namespace deer {

/// One thing the user can ask the program to do. Feeds menus, shortcuts, the palette, the list of keys and the tests.
/// Written with designated initialisers.
struct Command {
  QString id;         ///< "playback.toggle": stable, for tests and settings
  QString menu = {};  ///< in the user's language; empty: in none
  QString text;       ///< "Open model…"
  QString tip;        ///< one sentence; shown in the status bar and the list of keys
  QList<QKeySequence> shortcuts = {};
  std::function<void()> run;
  std::function<bool()> enabled = {};  ///< always, if empty
  std::function<bool()> checked = {};  ///< makes it a check mark
  bool separator_before = false;
  QString submenu = {};  ///< of the menu, in the user's language; empty: the menu itself
  QString group = {};    ///< commands of one group exclude each other: radio buttons in place of check marks
};

/// Every command and its action. Actions belong to the table and work in the window given.
class CommandTable : public QObject {
  Q_OBJECT

 public:
  explicit CommandTable(QWidget* window);

  QAction* add(Command command);
  void add(const QString& menu, std::initializer_list<Command> commands);  ///< to this menu, in this order
  /// Gives every command that has no key a sequence: Ctrl+J, then a letter of its menu, of its submenu and of its text,
  /// the underlined ones where they are free. Once, when all commands are there.
  void add_missing_keys();
  const std::deque<Command>& commands() const { return commands_; }
  QAction* action(const QString& id) const;  ///< null if there is none
  bool trigger(const QString& id);           ///< false if there is none or it is disabled

  /// Brings enabled and checked states up to date.
  void update();
  /// Adds the commands of `menu` in the order of the table.
  void fill(QMenu* menu, const QString& name) const;

 private:
  QWidget* window_;
  std::deque<Command> commands_;
  std::deque<QAction*> actions_;
  QHash<QString, QActionGroup*> groups_;
};

/// A menu's or command's text without the marks of its underlined letters.
QString without_marks(QString text);

/// Where a command is found, without marks for keys: "View", "View › Panels".
QString menu_path(const Command& command);

/// A shortcut as people write it: "Shift+Right", "?".
QString shortcut_text(const Command& command);

}  // namespace deer
