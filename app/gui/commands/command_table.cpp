// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/commands/command_table.h"

#include <QActionGroup>
#include <QMenu>
#include <QWidget>

namespace deer {

CommandTable::CommandTable(QWidget* window) : QObject(window), window_(window) {}

QAction* CommandTable::add(Command command) {
  // Standard keys may repeat a key that is listed too, or be empty on this system.
  QList<QKeySequence> keys;
  for (const auto& key : command.shortcuts) {
    if (!key.isEmpty() && !keys.contains(key)) keys << key;
  }
  command.shortcuts = keys;
  auto* const action = new QAction(command.text, this);
  action->setObjectName(command.id);
  action->setShortcuts(command.shortcuts);
  action->setShortcutContext(Qt::WindowShortcut);
  action->setStatusTip(command.tip);
  action->setToolTip(command.tip);
  action->setCheckable(bool(command.checked));
  if (!command.group.isEmpty()) {
    auto& group = groups_[command.group];
    if (!group) group = new QActionGroup(this);
    group->addAction(action);
  }
  const auto index = commands_.size();
  commands_.push_back(std::move(command));
  actions_.push_back(action);
  connect(action, &QAction::triggered, this, [this, index] {
    commands_[index].run();
    update();
  });
  window_->addAction(action);
  return action;
}

void CommandTable::add(const QString& menu, std::initializer_list<Command> commands) {
  for (auto command : commands) {
    command.menu = menu;
    add(std::move(command));
  }
}

namespace {

/// A letter for `text` that is not in `taken`: preferably the underlined one, then an initial, one of its own, any.
QChar free_letter(const QString& text, const QString& taken) {
  const auto mark = text.indexOf(u'&');
  QString wanted = mark >= 0 ? text.mid(mark + 1, 1) : QString();
  for (const auto& word : text.split(u' ')) wanted += QString(word).remove(u'&').left(1);
  wanted += text + QStringLiteral("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
  for (const auto letter : wanted) {
    const auto upper = letter.toUpper();
    const bool key = (upper >= u'A' && upper <= u'Z') || (upper >= u'0' && upper <= u'9');
    if (key && !taken.contains(upper)) return upper;
  }
  return {};
}

}  // namespace

void CommandTable::add_missing_keys() {
  QHash<QString, QString> taken;    // letters, by the keys before them
  QHash<QString, QString> letters;  // of menus and submenus, by their keys and name
  const auto letter_of = [&](const QString& before, const QString& name) {
    auto& known = letters[before + name];
    if (known.isEmpty()) {
      known = free_letter(name, taken[before]);
      taken[before] += known;
    }
    return known;
  };
  const auto keys_before = [&](const Command& command) {
    auto keys = QStringLiteral("Ctrl+J, ");
    keys += letter_of(keys, command.menu) + QStringLiteral(", ");
    if (!command.submenu.isEmpty()) keys += letter_of(keys, command.submenu) + QStringLiteral(", ");
    return keys;
  };
  // Submenus first, so that no command gets a submenu's letter.
  for (const auto& command : commands_) keys_before(command);
  for (std::size_t i = 0; i < commands_.size(); ++i) {
    auto& command = commands_[i];
    if (!command.shortcuts.isEmpty()) continue;
    const auto keys = keys_before(command);
    const auto letter = free_letter(command.text, taken[keys]);
    if (letter.isNull()) continue;
    taken[keys] += letter;
    command.shortcuts = {QKeySequence(keys + letter, QKeySequence::PortableText)};
    actions_[i]->setShortcuts(command.shortcuts);
  }
}

QAction* CommandTable::action(const QString& id) const {
  for (std::size_t i = 0; i < commands_.size(); ++i) {
    if (commands_[i].id == id) return actions_[i];
  }
  return nullptr;
}

bool CommandTable::trigger(const QString& id) {
  update();
  auto* const found = action(id);
  if (!found || !found->isEnabled()) return false;
  found->trigger();
  return true;
}

void CommandTable::update() {
  for (std::size_t i = 0; i < commands_.size(); ++i) {
    const auto& command = commands_[i];
    if (command.enabled) actions_[i]->setEnabled(command.enabled());
    if (command.checked) actions_[i]->setChecked(command.checked());
  }
}

void CommandTable::fill(QMenu* menu, const QString& name) const {
  for (std::size_t i = 0; i < commands_.size(); ++i) {
    const auto& command = commands_[i];
    if (command.menu != name) continue;
    auto* into = menu;
    if (!command.submenu.isEmpty()) {
      into = menu->findChild<QMenu*>(command.submenu, Qt::FindDirectChildrenOnly);
      if (!into) {
        into = menu->addMenu(command.submenu);
        into->setObjectName(command.submenu);
      }
    }
    if (command.separator_before) into->addSeparator();
    into->addAction(actions_[i]);
  }
}

QString without_marks(QString text) { return text.remove(u'&'); }

QString menu_path(const Command& command) {
  const auto path = command.submenu.isEmpty() ? command.menu : command.menu + QStringLiteral(" › ") + command.submenu;
  return without_marks(path);
}

QString shortcut_text(const Command& command) {
  QStringList texts;
  for (const auto& shortcut : command.shortcuts) texts << shortcut.toString(QKeySequence::NativeText);
  return texts.join(QStringLiteral(", "));
}

}  // namespace deer
