// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/text_table.h"

#include <QTableView>

#include "widgets/base/table_style.h"
#include "widgets/base/theme.h"

namespace deer {

TextTable::TextTable(std::vector<Header> headers, QObject* parent)
    : QAbstractTableModel(parent), headers_(std::move(headers)) {}

void TextTable::set_rows(std::vector<std::vector<Cell>> rows) {
  const bool same = rows.size() == rows_.size();
  if (!same) beginResetModel();
  rows_ = std::move(rows);
  if (!same) return endResetModel();
  if (!rows_.empty()) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
}

int TextTable::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

int TextTable::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(headers_.size());
}

QVariant TextTable::alignment(int column) const {
  const bool words = headers_[static_cast<std::size_t>(column)].words;
  return QVariant::fromValue(Qt::Alignment((words ? Qt::AlignLeading : Qt::AlignTrailing) | Qt::AlignVCenter));
}

QVariant TextTable::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const auto& row = rows_[static_cast<std::size_t>(index.row())];
  if (index.column() >= static_cast<int>(row.size())) return {};
  const auto& cell = row[static_cast<std::size_t>(index.column())];
  const auto& colors = Theme::instance().colors();
  switch (role) {
    case Qt::DisplayRole:
      return cell.text;
    case Qt::ToolTipRole:
      return cell.tip.isEmpty() ? QVariant() : cell.tip;
    case Qt::TextAlignmentRole:
      return alignment(index.column());
    case Qt::FontRole:
      return Theme::number_font(Theme::instance().body_font());
    case Qt::ForegroundRole:
      return cell.ink == Ink::warning ? colors.warning : cell.ink == Ink::muted ? colors.muted_text : colors.text;
    case Qt::DecorationRole:
      if (cell.run >= 0) return Theme::instance().run_color(cell.run);
      return cell.exit < 0 ? QVariant() : Theme::instance().exit_color(cell.exit, cell.exits);
    default:
      return {};
  }
}

QVariant TextTable::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation == Qt::Vertical || section < 0 || section >= columnCount()) return {};
  const auto& header = headers_[static_cast<std::size_t>(section)];
  if (role == Qt::DisplayRole) return header.text;
  if (role == Qt::ToolTipRole) return header.tip;
  if (role == Qt::TextAlignmentRole) return alignment(section);
  return {};
}

QTableView* TextTable::make_view(const QString& accessible_name) {
  auto* const view = new QTableView;
  view->setAccessibleName(accessible_name);
  view->setModel(this);
  style_row_table(view);
  return view;
}

}  // namespace deer
