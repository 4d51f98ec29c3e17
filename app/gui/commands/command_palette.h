// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>

#include "app/gui/commands/command_table.h"

class QLineEdit;
class QListView;
class QStandardItemModel;

namespace deer {

/// How well `query` fits `text`: its letters in order, best at the beginnings of words and in one
/// piece. Negative if it does not match. Case does not matter.
int match_score(const QString& text, const QString& query);

/// A searchable list of every command that can be run now. Enter runs the first.
class CommandPalette : public QDialog {
  Q_OBJECT

 public:
  CommandPalette(CommandTable* commands, QWidget* parent);

  QLineEdit* search() const { return search_; }
  QStringList shown() const;  ///< ids, best first

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  void refill();
  void run(const QModelIndex& index);

  CommandTable* commands_;
  QLineEdit* search_;
  QListView* list_;
  QStandardItemModel* model_;
};

}  // namespace deer
