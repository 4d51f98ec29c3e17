// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/mapping_columns.h"

#include <QLocale>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/base/number_text.h"
#include "core/episodes/mapping_guess.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

QString source_text(const MappedColumn& column, const RecordingSchema& schema) {
  const auto series = std::find_if(schema.series.begin(), schema.series.end(),
                                   [&](const RecordedSeries& one) { return one.name == column.series; });
  const auto name = QString::fromStdString(column.series);
  if (series == schema.series.end() || series->columns.size() == 1) return name;
  return QStringLiteral("%1[%2]").arg(name).arg(column.column);
}

// A number with a point or the locale's comma; NaN if it is none.
double entered_number(const QVariant& value) {
  bool ok = false;
  auto text = value.toString().trimmed();
  text.replace(QChar(0x2212), u'-');
  double out = QLocale::c().toDouble(text, &ok);
  if (!ok) out = QLocale().toDouble(text, &ok);
  return ok && std::isfinite(out) ? out : std::numeric_limits<double>::quiet_NaN();
}

bool same_place(const MappedColumn& a, const MappedColumn& b) { return a.series == b.series && a.column == b.column; }

}  // namespace

MappingColumns::MappingColumns(const RecordingSchema& schema, QObject* parent)
    : QAbstractTableModel(parent), schema_(schema), all_(columns_of(schema)) {
  set({});
}

void MappingColumns::set(const std::vector<MappedColumn>& chosen) {
  beginResetModel();
  rows_.clear();
  for (const auto& column : chosen) rows_.push_back({column, true});
  for (const auto& column : all_) {
    const bool there =
        std::any_of(chosen.begin(), chosen.end(), [&](const MappedColumn& one) { return same_place(one, column); });
    if (!there) rows_.push_back({column, false});
  }
  endResetModel();
  Q_EMIT changed();
}

std::vector<MappedColumn> MappingColumns::chosen() const {
  std::vector<MappedColumn> out;
  for (const auto& row : rows_) {
    if (row.chosen) out.push_back(row.column);
  }
  return out;
}

void MappingColumns::choose_series(const std::string& name) {
  std::vector<MappedColumn> out;
  for (const auto& column : all_) {
    if (column.series != name) continue;
    // What was entered for a column stays.
    const auto known =
        std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) { return same_place(row.column, column); });
    out.push_back(known == rows_.end() ? column : known->column);
  }
  set(out);
}

std::string MappingColumns::whole_series() const {
  const auto columns = chosen();
  if (columns.empty()) return {};
  const auto width = std::count_if(all_.begin(), all_.end(),
                                   [&](const MappedColumn& one) { return one.series == columns.front().series; });
  if (static_cast<std::size_t>(width) != columns.size()) return {};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].series != columns.front().series || columns[i].column != i) return {};
  }
  return columns.front().series;
}

void MappingColumns::set_frame(RecordedFrame frame) {
  frame_ = std::move(frame);
  has_frame_ = true;
  if (!rows_.empty()) Q_EMIT dataChanged(index(0, kFirst), index(rowCount() - 1, kFirst));
}

bool MappingColumns::move(int row, int by) {
  const int to = row + by;
  if (row < 0 || row >= rowCount() || to < 0 || to >= rowCount()) return false;
  beginMoveRows({}, row, row, {}, by > 0 ? to + 1 : to);
  std::swap(rows_[static_cast<std::size_t>(row)], rows_[static_cast<std::size_t>(to)]);
  endMoveRows();
  Q_EMIT changed();
  return true;
}

void MappingColumns::turn_to_radians(const QList<int>& rows) {
  for (const int row : rows) {
    auto& column = rows_[static_cast<std::size_t>(row)].column;
    column.scale = std::numbers::pi / 180;
    column.offset = 0;
    column.unit = "rad";
    note_change(row, row);
  }
  Q_EMIT changed();
}

void MappingColumns::set_cells(const QList<int>& rows, int column, const QVariant& value) {
  for (const int row : rows) {
    if (change(&rows_[static_cast<std::size_t>(row)], column, value)) note_change(row, row);
  }
  Q_EMIT changed();
}

int MappingColumns::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

int MappingColumns::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumnCount; }

QString MappingColumns::first_value(const MappedColumn& column) const {
  if (!has_frame_) return {};
  const auto values = mapped_values({column}, schema_, frame_);
  if (values.empty() || !std::isfinite(values.front())) return QStringLiteral("–");
  return format_quantity(values.front(), QString::fromStdString(column.unit));
}

QVariant MappingColumns::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const auto& row = rows_[static_cast<std::size_t>(index.row())];
  const auto& column = row.column;
  switch (role) {
    case Qt::DisplayRole:
    case Qt::EditRole:
      switch (index.column()) {
        case kSource:
          return source_text(column, schema_);
        case kName:
          return QString::fromStdString(column.name);
        case kUnit:
          return QString::fromStdString(column.unit);
        case kScale:
          return QString::fromStdString(shortest_text(column.scale));
        case kOffset:
          return QString::fromStdString(shortest_text(column.offset));
        default:
          return first_value(column);
      }
    case Qt::CheckStateRole:
      if (index.column() == kSource) return row.chosen ? Qt::Checked : Qt::Unchecked;
      break;
    case Qt::ForegroundRole:
      if (!row.chosen) return Theme::instance().colors().muted_text;
      break;
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(
          Qt::Alignment((index.column() >= kScale ? Qt::AlignTrailing : Qt::AlignLeading) | Qt::AlignVCenter));
    default:
      break;
  }
  return {};
}

QVariant MappingColumns::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) {
    return QVariant::fromValue(
        Qt::Alignment((section >= kScale ? Qt::AlignTrailing : Qt::AlignLeading) | Qt::AlignVCenter));
  }
  struct Text {
    QString title, tip;
  };
  const Text texts[kColumnCount] = {
      {tr("Column"), tr("A column of the dataset; checked: it is used.")},
      {tr("Name"), tr("What the views call it.")},
      {tr("Unit"), tr("Unit of the shown value, for example rad, m or %.")},
      {tr("Scale"), tr("Shown value = stored value × scale + offset.")},
      {tr("Offset"), tr("Shown value = stored value × scale + offset.")},
      {tr("First frame"), tr("The shown value in the first frame of the episode.")},
  };
  if (role == Qt::DisplayRole) return texts[section].title;
  if (role == Qt::ToolTipRole) return texts[section].tip;
  return {};
}

Qt::ItemFlags MappingColumns::flags(const QModelIndex& index) const {
  auto out = QAbstractTableModel::flags(index);
  if (index.column() == kSource) return out | Qt::ItemIsUserCheckable;
  return index.column() == kFirst ? out : out | Qt::ItemIsEditable;
}

bool MappingColumns::change(Row* row, int column, const QVariant& value) const {
  constexpr qsizetype kLongest = 100;
  auto& to = row->column;
  const auto text = value.toString().trimmed().left(kLongest).toStdString();
  const double number = column == kScale || column == kOffset ? entered_number(value) : 0;
  switch (column) {
    case kSource:
      row->chosen = value.toInt() == Qt::Checked;
      return true;
    case kName:
      if (text.empty()) return false;
      to.name = text;
      return true;
    case kUnit:
      to.unit = text;
      return true;
    case kScale:
      if (!std::isfinite(number) || number == 0) return false;
      to.scale = number;
      return true;
    case kOffset:
      if (!std::isfinite(number)) return false;
      to.offset = number;
      return true;
    default:
      return false;
  }
}

bool MappingColumns::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return false;
  const bool box = index.column() == kSource;
  if (role != (box ? Qt::CheckStateRole : Qt::EditRole)) return false;
  if (!change(&rows_[static_cast<std::size_t>(index.row())], index.column(), value)) return false;
  note_change(index.row(), index.row());
  Q_EMIT edited(index, value);
  Q_EMIT changed();
  return true;
}

void MappingColumns::note_change(int first, int last) {
  Q_EMIT dataChanged(index(first, 0), index(last, kColumnCount - 1));
}

}  // namespace deer
