// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <functional>

class QAbstractItemModel;
class QTableView;
class QWidget;

namespace deer {

class ExpressionEdit;

/// What a panel of expressions is made of.
struct ExpressionList {
  QAbstractItemModel* model;
  ExpressionEdit* edit;
  QString name;         ///< of panel and table, to be read aloud
  QString remove_name;  ///< likewise of the button
  int stretched_column;
  std::function<void(int row)> remove;
};

/// Below each other: the line that a new one is entered in, the table of `model`, and a button that removes the current
/// row, as the key Delete does. The panel owns all of it.
QTableView* lay_out(const ExpressionList& list, QWidget* panel);

}  // namespace deer
