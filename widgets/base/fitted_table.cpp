// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/fitted_table.h"

#include <QHeaderView>

#include "widgets/base/theme.h"

namespace deer {

FittedTable::FittedTable(QWidget* parent) : QTableView(parent) {
  verticalHeader()->hide();
  verticalHeader()->setDefaultSectionSize(fontMetrics().height() + spacing::kSmall);
  setShowGrid(false);
  setSelectionMode(QAbstractItemView::SingleSelection);
  setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::SelectedClicked |
                  QAbstractItemView::EditKeyPressed | QAbstractItemView::AnyKeyPressed);
  setTabKeyNavigation(false);
  setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  horizontalHeader()->setHighlightSections(false);
  horizontalHeader()->setMinimumSectionSize(24);
}

void FittedTable::show_model(QAbstractItemModel* model, std::initializer_list<int> narrow) {
  setModel(model);
  horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
  for (const int column : narrow) horizontalHeader()->setSectionResizeMode(column, QHeaderView::ResizeToContents);
  Theme::instance().style_view(this);
}

QSize FittedTable::sizeHint() const {
  const int rows = model() ? model()->rowCount() : 0;
  return {240, horizontalHeader()->sizeHint().height() + rows * verticalHeader()->defaultSectionSize() + 2};
}

QSize FittedTable::minimumSizeHint() const { return {120, sizeHint().height()}; }

}  // namespace deer
