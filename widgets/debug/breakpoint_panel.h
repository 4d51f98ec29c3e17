// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QLabel;
class QTableView;

namespace deer {

class BreakpointModel;
class Debugger;
class ExpressionEdit;

/// The list of breakpoints: enabled or not, condition, matching frames; add, edit and remove.
class BreakpointPanel : public QWidget {
  Q_OBJECT

 public:
  explicit BreakpointPanel(Debugger* debugger, QWidget* parent = nullptr);

  BreakpointModel* model() const { return model_; }
  ExpressionEdit* edit() const { return edit_; }
  QTableView* table() const { return table_; }

 private:
  BreakpointModel* model_;
  ExpressionEdit* edit_;
  QTableView* table_;
};

}  // namespace deer
