// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>

namespace deer {

class CommandTable;

/// Every command with its keys and what it does.
class ShortcutDialog : public QDialog {
  Q_OBJECT

 public:
  ShortcutDialog(const CommandTable& commands, QWidget* parent);
};

}  // namespace deer
