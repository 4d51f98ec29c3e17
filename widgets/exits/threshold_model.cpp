// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/exits/threshold_model.h"

#include <QFont>
#include <QLocale>
#include <cmath>

#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

/// Enough digits to survive a round trip through the editor.
QString editable_text(double threshold) {
  if (threshold >= kAlwaysLeave || threshold <= kNeverLeave) return format_threshold(threshold);
  return QLocale::c().toString(threshold, 'g', QLocale::FloatingPointShortest);
}

}  // namespace

void ThresholdModel::set(std::vector<int> exit_layers, std::vector<double> suggested, const ExitPolicy& policy) {
  const bool same_rows = exit_layers == exit_layers_;
  if (!same_rows) beginResetModel();
  exit_layers_ = std::move(exit_layers);
  suggested_ = std::move(suggested);
  policy_ = policy;
  if (!same_rows) {
    endResetModel();
  } else if (!exit_layers_.empty()) {
    Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumnCount - 1));
  }
}

int ThresholdModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(exit_layers_.size());
}

int ThresholdModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumnCount; }

bool ThresholdModel::beyond(int row) const {
  return policy_.max_layer && exit_layers_[static_cast<std::size_t>(row)] >= *policy_.max_layer;
}

bool ThresholdModel::deepest_allowed(int row) const {
  return !beyond(row) && (row + 1 == rowCount() || beyond(row + 1));
}

QVariant ThresholdModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const int row = index.row();
  const auto place = static_cast<std::size_t>(row);
  const Theme& theme = Theme::instance();
  const bool has_threshold = place < policy_.thresholds.size();
  switch (role) {
    case Qt::DisplayRole:
      switch (index.column()) {
        case kExit:
          return QString::number(row + 1);
        case kDepth:
          return QString::number(exit_layers_[place] + 1);
        case kThreshold:
          return has_threshold ? format_threshold(policy_.thresholds[place]) : QString(QChar(0x2013));
        case kSuggested:
          return place < suggested_.size() ? format_threshold(suggested_[place]) : QString(QChar(0x2013));
      }
      break;
    case Qt::EditRole:
      if (index.column() == kThreshold) return has_threshold ? editable_text(policy_.thresholds[place]) : QString();
      return data(index, Qt::DisplayRole);
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(
          Qt::Alignment((index.column() == kExit ? Qt::AlignLeading : Qt::AlignTrailing) | Qt::AlignVCenter));
    case Qt::ForegroundRole:
      if (beyond(row) || index.column() == kDepth || index.column() == kSuggested ||
          (index.column() == kThreshold && deepest_allowed(row))) {
        return theme.colors().muted_text;
      }
      break;
    case Qt::DecorationRole:
      if (index.column() == kExit) return theme.exit_color(row, rowCount());
      break;
    case Qt::AccessibleTextRole:
      if (index.column() == kExit) return exit_name(row, exit_layers_[place]);
      break;
    case Qt::FontRole:
      return Theme::number_font(theme.body_font());
      break;
    case Qt::ToolTipRole:
      if (beyond(row)) return tr("Deeper than the policy allows.");
      if (deepest_allowed(row)) return tr("The deepest allowed exit is always taken, whatever its threshold.");
      if (index.column() == kThreshold) {
        return tr("The model exits here if the delta is at most this. A number, “always” or “never”.");
      }
      if (index.column() == kSuggested) return tr("From the model’s configuration.");
      break;
  }
  return {};
}

QVariant ThresholdModel::headerData(int section, Qt::Orientation orientation, int role) const {
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
    case kSuggested:
      return tr("suggested");
    default:
      return {};
  }
}

Qt::ItemFlags ThresholdModel::flags(const QModelIndex& index) const {
  Qt::ItemFlags flags = QAbstractTableModel::flags(index);
  if (index.column() == kThreshold) flags |= Qt::ItemIsEditable;
  return flags;
}

bool ThresholdModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (role != Qt::EditRole || !index.isValid() || index.column() != kThreshold) return false;
  double threshold = 0;
  const QString text = value.toString();
  if (!parse_threshold(text, &threshold)) {
    Q_EMIT rejected(
        tr("“%1” is not a threshold: enter a number such as 0.05, “always” or “never”.").arg(text.trimmed()));
    return false;
  }
  Q_EMIT edited(index.row(), threshold);
  return true;
}

}  // namespace deer
