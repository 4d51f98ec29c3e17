// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/budget/budget_thresholds.h"

#include <QFont>
#include <QLocale>
#include <algorithm>
#include <cmath>

#include "core/exits/exit_policy.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {

void BudgetThresholds::set(const std::vector<int>& exit_layers, const BudgetSolution* solution,
                           const std::vector<float>& locked) {
  const bool same_rows = exit_layers == exit_layers_;
  if (!same_rows) beginResetModel();
  exit_layers_ = exit_layers;
  locked_ = locked;
  thresholds_.clear();
  shares_.clear();
  if (solution) {
    thresholds_ = solution->thresholds;
    const auto samples = static_cast<double>(std::max<std::int64_t>(1, solution->samples));
    for (const auto count : solution->counts) shares_.push_back(static_cast<double>(count) / samples);
  }
  if (!same_rows) {
    endResetModel();
  } else if (!exit_layers_.empty()) {
    Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumnCount - 1));
  }
}

bool BudgetThresholds::is_locked(int row) const {
  const auto place = static_cast<std::size_t>(row);
  return place < locked_.size() && !std::isnan(locked_[place]);
}

int BudgetThresholds::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(exit_layers_.size());
}

int BudgetThresholds::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumnCount; }

QVariant BudgetThresholds::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const int row = index.row();
  const auto place = static_cast<std::size_t>(row);
  const auto& theme = Theme::instance();
  const QString none(QChar(0x2013));
  switch (role) {
    case Qt::DisplayRole:
      switch (index.column()) {
        case kExit:
          return QString::number(row + 1);
        case kDepth:
          return QString::number(exit_layers_[place] + 1);
        case kThreshold:
          return beyond(row)    ? none
                 : deepest(row) ? tr("always")
                                : format_threshold(static_cast<double>(thresholds_[place]));
        case kShare:
          return beyond(row) ? none : tr("%1 %").arg(format_fixed(100 * shares_[place], 1));
      }
      break;
    case Qt::EditRole:
      if (index.column() == kThreshold && !beyond(row)) {
        const auto threshold = static_cast<double>(thresholds_[place]);
        if (threshold >= kAlwaysLeave || threshold <= kNeverLeave) return format_threshold(threshold);
        return QLocale::c().toString(thresholds_[place], 'g', QLocale::FloatingPointShortest);
      }
      return data(index, Qt::DisplayRole);
    case Qt::CheckStateRole:
      if (index.column() == kLock && !deepest(row) && !beyond(row)) return is_locked(row) ? Qt::Checked : Qt::Unchecked;
      break;
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(
          Qt::Alignment((index.column() == kExit ? Qt::AlignLeading : Qt::AlignTrailing) | Qt::AlignVCenter));
    case Qt::ForegroundRole:
      if (beyond(row) || index.column() == kDepth || (index.column() == kThreshold && deepest(row))) {
        return theme.colors().muted_text;
      }
      break;
    case Qt::DecorationRole:
      if (index.column() == kExit) return theme.exit_color(row, rowCount());
      break;
    case Qt::AccessibleTextRole:
      if (index.column() == kExit) return exit_name(row, exit_layers_[place]);
      if (index.column() == kLock) return is_locked(row) ? tr("locked") : tr("unlocked");
      break;
    case Qt::FontRole:
      return Theme::number_font(theme.body_font());
    case Qt::ToolTipRole:
      if (beyond(row)) return tr("Deeper than the budget allows.");
      if (deepest(row)) return tr("Every frame that reaches the deepest allowed exit exits there.");
      if (index.column() == kThreshold)
        return tr("A frame exits here if its value is at most this. An entry locks it.");
      if (index.column() == kLock) return tr("Keep this threshold while the others are solved.");
      if (index.column() == kShare) return tr("Share of the calibration samples that exit here.");
      break;
  }
  return {};
}

QVariant BudgetThresholds::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) {
    return QVariant::fromValue(
        Qt::Alignment((section == kExit ? Qt::AlignLeading : Qt::AlignTrailing) | Qt::AlignVCenter));
  }
  if (role != Qt::DisplayRole) return {};
  switch (section) {
    case kExit:
      return tr("exit");
    case kDepth:
      return tr("depth");
    case kThreshold:
      return tr("threshold");
    case kShare:
      return tr("share");
    case kLock:
      return tr("lock");
    default:
      return {};
  }
}

Qt::ItemFlags BudgetThresholds::flags(const QModelIndex& index) const {
  auto flags = QAbstractTableModel::flags(index);
  if (beyond(index.row()) || deepest(index.row())) return flags;
  if (index.column() == kThreshold) flags |= Qt::ItemIsEditable;
  if (index.column() == kLock) flags |= Qt::ItemIsUserCheckable;
  return flags;
}

bool BudgetThresholds::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (!index.isValid() || beyond(index.row()) || deepest(index.row())) return false;
  if (role == Qt::CheckStateRole && index.column() == kLock) {
    if (value.toInt() == Qt::Checked) {
      Q_EMIT locked(index.row(), static_cast<double>(thresholds_[static_cast<std::size_t>(index.row())]));
    } else {
      Q_EMIT unlocked(index.row());
    }
    return true;
  }
  if (role != Qt::EditRole || index.column() != kThreshold) return false;
  double threshold = 0;
  const auto text = value.toString();
  if (!parse_threshold(text, &threshold)) {
    Q_EMIT rejected(
        tr("“%1” is not a threshold: write a number such as 0.05, “always” or “never”.").arg(text.trimmed()));
    return false;
  }
  Q_EMIT locked(index.row(), threshold);
  return true;
}

}  // namespace deer
