// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <functional>

class QAbstractItemModel;
class QTableView;
class QWidget;

namespace deer {

class ExpressionEdit;

/// Parts of a panel of expressions.
struct ExpressionList {
  QAbstractItemModel* model;
  ExpressionEdit* edit;
  QString name;         ///< accessible name of panel and table
  QString remove_name;  ///< accessible name of the button
  int stretched_column;
  std::function<void(int row)> remove;
};

/// From top to bottom: the input field, the table of `model`, and a button that removes the current row, as Delete
/// does. The panel owns all of it.
QTableView* lay_out(const ExpressionList& list, QWidget* panel);

}  // namespace deer
