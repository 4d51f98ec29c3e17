// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <functional>

class QWidget;

namespace deer {

class CommandTable;
class MessageBar;

/// The help menu: the demo, the guide, the list of keys, messages and what the program is.
class HelpPart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it, and dialogs appear over it.
  HelpPart(MessageBar* messages, std::function<void()> open_demo, QWidget* window);

  void add_commands(CommandTable* commands);

 private:
  void show_about();

  QWidget* window_;
  MessageBar* messages_;
  std::function<void()> open_demo_;
};

}  // namespace deer
