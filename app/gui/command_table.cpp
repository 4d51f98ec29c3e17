// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/command_table.h"

#include <QMenu>
#include <QWidget>

namespace deer {

CommandTable::CommandTable(QWidget* window) : QObject(window), window_(window) {}

QAction* CommandTable::add(Command command) {
  // Standard keys may be one that was named besides, or none on this system.
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
    if (commands_[i].menu != name) continue;
    if (commands_[i].separator_before) menu->addSeparator();
    menu->addAction(actions_[i]);
  }
}

QString shortcut_text(const Command& command) {
  QStringList texts;
  for (const auto& shortcut : command.shortcuts) texts << shortcut.toString(QKeySequence::NativeText);
  return texts.join(QStringLiteral(", "));
}

}  // namespace deer
