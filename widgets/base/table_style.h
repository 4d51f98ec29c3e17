// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <vector>

class QLabel;
class QString;
class QTableView;

namespace deer {

/// Style of a table of values: rows as low as their text, no grid, no editing, single selection.
void style_table(QTableView* table);
/// The same without a row header, whole rows selected, columns as wide as their contents.
void style_row_table(QTableView* table);
/// Style of an editable list: rows with some padding, one column takes the remaining width.
void style_list_table(QTableView* table, int stretched_column);

/// Hides columns without room, now and whenever the table's size or model changes. `order`: the columns, most important
/// first; the first `always` of them are never hidden. The table must have its model.
void show_columns_that_fit(QTableView* table, std::vector<int> order, std::size_t always);

/// Shows a hint in an empty table. The table must have its model, and owns the returned label.
QLabel* show_hint_while_empty(QTableView* table, const QString& text);

}  // namespace deer
