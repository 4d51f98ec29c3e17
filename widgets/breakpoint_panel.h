// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QLabel;
class QTableView;

namespace deer {

class BreakpointModel;
class Debugger;
class ExpressionEdit;

/// The list of breakpoints: on or off, condition, frames where it holds; adding, changing and removing.
class BreakpointPanel : public QWidget {
  Q_OBJECT

 public:
  explicit BreakpointPanel(Debugger* debugger, QWidget* parent = nullptr);

  BreakpointModel* model() const { return model_; }
  ExpressionEdit* edit() const { return edit_; }
  QTableView* table() const { return table_; }

 private:
  BreakpointModel* model_;
  QTableView* table_;
  ExpressionEdit* edit_;
};

/// How the debugger's tables look: a row an entry, one column that takes the room, Delete removes.
void style_debug_table(QTableView* table, int stretched_column);

/// Says in an empty table what it would show. The table has its model, and owns the label that it answers.
QLabel* show_hint_while_empty(QTableView* table, const QString& text);

}  // namespace deer
