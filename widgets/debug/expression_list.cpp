// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/debug/expression_list.h"

#include <QCoreApplication>
#include <QPushButton>
#include <QShortcut>
#include <QTableView>
#include <QVBoxLayout>

#include "widgets/base/table_style.h"
#include "widgets/base/theme.h"
#include "widgets/debug/expression_edit.h"

namespace deer {

QTableView* lay_out(const ExpressionList& list, QWidget* panel) {
  auto* const table = new QTableView;
  panel->setAccessibleName(list.name);
  table->setModel(list.model);
  table->setAccessibleName(list.name);
  style_list_table(table, list.stretched_column);
  table->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
  auto* const button = new QPushButton(QCoreApplication::translate("deer::ExpressionList", "Remove"));
  button->setAccessibleName(list.remove_name);
  button->setEnabled(false);
  const auto remove_current = [table, remove = list.remove] { remove(table->currentIndex().row()); };
  QObject::connect(button, &QPushButton::clicked, panel, remove_current);
  auto* const key = new QShortcut(QKeySequence::Delete, table, nullptr, nullptr, Qt::WidgetShortcut);
  QObject::connect(key, &QShortcut::activated, panel, remove_current);
  const auto update = [table, button] { button->setEnabled(table->currentIndex().isValid()); };
  QObject::connect(table->selectionModel(), &QItemSelectionModel::currentChanged, button, update);
  QObject::connect(list.model, &QAbstractItemModel::modelReset, button, update);

  auto* const column = new QVBoxLayout(panel);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(spacing::kSmall);
  column->addWidget(list.edit);
  column->addWidget(table, 1);
  column->addWidget(button, 0, Qt::AlignTrailing);
  return table;
}

}  // namespace deer
