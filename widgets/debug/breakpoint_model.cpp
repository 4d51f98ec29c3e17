// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/debug/breakpoint_model.h"

#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {

BreakpointModel::BreakpointModel(Debugger* debugger, QObject* parent)
    : QAbstractTableModel(parent), debugger_(debugger), rows_(static_cast<int>(debugger->breakpoints().size())) {
  connect(debugger, &Debugger::breakpoints_changed, this, [this] {
    const auto now = static_cast<int>(debugger_->breakpoints().size());
    if (now == rows_) {
      if (rows_ > 0) Q_EMIT dataChanged(index(0, 0), index(rows_ - 1, kColumnCount - 1));
      return;
    }
    beginResetModel();
    rows_ = now;
    endResetModel();
  });
  connect(debugger, &Debugger::hits_changed, this, [this] {
    if (rows_ > 0) Q_EMIT dataChanged(index(0, kFrames), index(rows_ - 1, kFrames));
  });
}

void BreakpointModel::add(const QString& condition) {
  auto list = debugger_->breakpoints();
  list.push_back({condition.trimmed(), true});
  debugger_->set_breakpoints(std::move(list));
}

void BreakpointModel::remove(int row) {
  if (row < 0 || row >= rows_) return;
  auto list = debugger_->breakpoints();
  list.erase(list.begin() + row);
  debugger_->set_breakpoints(std::move(list));
}

int BreakpointModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : rows_; }
int BreakpointModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumnCount; }

QString BreakpointModel::frames_text(std::size_t place) const {
  const auto error = debugger_->breakpoint_error(place);
  if (!error.isEmpty()) return error;
  const auto count = format_count(debugger_->hits(place).count());
  return debugger_->scanning() ? tr("%1 so far").arg(count) : count;
}

QVariant BreakpointModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const auto place = static_cast<std::size_t>(index.row());
  const auto& one = debugger_->breakpoints()[place];
  const auto error = debugger_->breakpoint_error(place);
  const bool condition = index.column() == kCondition;
  const auto& colors = Theme::instance().colors();
  switch (role) {
    case Qt::DisplayRole:
      return condition ? one.condition : frames_text(place);
    case Qt::EditRole:
      return condition ? one.condition : frames_text(place);
    case Qt::CheckStateRole:
      if (condition) return one.enabled ? Qt::Checked : Qt::Unchecked;
      break;
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(
          Qt::Alignment((condition || !error.isEmpty() ? Qt::AlignLeading : Qt::AlignTrailing) | Qt::AlignVCenter));
    case Qt::ForegroundRole:
      if (!error.isEmpty()) return colors.error;
      if (!one.enabled) return colors.muted_text;
      break;
    case Qt::FontRole:
      return Theme::number_font(Theme::instance().body_font());
    case Qt::ToolTipRole:
      if (!error.isEmpty()) return error;
      return condition ? tr("Playback and live runs stop at frames that match. Double-click to edit.")
                       : tr("Frames of the episode that match.");
    case Qt::AccessibleTextRole:
      if (condition) return one.enabled ? tr("%1, on").arg(one.condition) : tr("%1, off").arg(one.condition);
      break;
  }
  return {};
}

QVariant BreakpointModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) {
    return QVariant::fromValue(
        Qt::Alignment((section == kCondition ? Qt::AlignLeading : Qt::AlignTrailing) | Qt::AlignVCenter));
  }
  if (role != Qt::DisplayRole) return {};
  return section == kCondition ? tr("condition") : tr("frames");
}

Qt::ItemFlags BreakpointModel::flags(const QModelIndex& index) const {
  auto flags = QAbstractTableModel::flags(index);
  if (index.column() == kCondition) flags |= Qt::ItemIsEditable | Qt::ItemIsUserCheckable;
  return flags;
}

bool BreakpointModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (!index.isValid() || index.column() != kCondition) return false;
  auto list = debugger_->breakpoints();
  auto& one = list[static_cast<std::size_t>(index.row())];
  if (role == Qt::CheckStateRole) {
    one.enabled = value.toInt() == Qt::Checked;
  } else if (role == Qt::EditRole && !value.toString().trimmed().isEmpty()) {
    one.condition = value.toString().trimmed();
  } else {
    return false;
  }
  debugger_->set_breakpoints(std::move(list));
  return true;
}

}  // namespace deer
