// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTableView>
#include <initializer_list>

namespace deer {

/// A table as tall as its rows, for models of a few: no scroll bar and no empty space. Cells are edited where they are.
class FittedTable : public QTableView {
 public:
  explicit FittedTable(QWidget* parent = nullptr);

  /// `narrow` columns are as wide as their contents; the others share the rest.
  void show_model(QAbstractItemModel* model, std::initializer_list<int> narrow);

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;
};

}  // namespace deer
