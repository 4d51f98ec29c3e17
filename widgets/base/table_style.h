// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <vector>

class QLabel;
class QString;
class QTableView;

namespace deer {

/// How a table of values looks: rows as low as their text, no grid, no editing, one thing selected at a time.
void style_table(QTableView* table);
/// The same without a header of rows, whole rows selected, columns as wide as what they hold.
void style_row_table(QTableView* table);
/// A list that a person fills or goes through: rows with some room, one column takes what the others leave.
void style_list_table(QTableView* table, int stretched_column);

/// Hides the columns that there is no room for, now and whenever the table's size or model changes. `order`: the
/// columns, what matters first; the first `always` of them are never hidden. The table has its model.
void show_columns_that_fit(QTableView* table, std::vector<int> order, std::size_t always);

/// Says in an empty table what it would show. The table has its model, and owns the label that it answers.
QLabel* show_hint_while_empty(QTableView* table, const QString& text);

}  // namespace deer
