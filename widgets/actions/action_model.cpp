// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/actions/action_model.h"

#include <QFont>
#include <algorithm>
#include <cmath>
#include <limits>

#include "widgets/actions/dimension_text.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
}  // namespace

void ActionModel::set_selected(int exit_index) {
  if (exit_index == selected_) return;
  selected_ = exit_index;
  if (columnCount() > 0) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
}

void ActionModel::set(std::vector<int> exit_layers, FrameRecordPtr record, std::span<const double> recorded) {
  const auto layout = record ? record->layout : layout_;
  const bool same_cells = exit_layers == exit_layers_ && *layout == *layout_;
  if (!same_cells) beginResetModel();
  exit_layers_ = std::move(exit_layers);
  layout_ = layout;
  step_ = std::min(step_, layout_->steps() - 1);
  record_ = std::move(record);
  recorded_.assign(recorded.begin(), recorded.end());
  if (!same_cells) return endResetModel();
  Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
  Q_EMIT headerDataChanged(Qt::Horizontal, 0, columnCount() - 1);
}

void ActionModel::set_step(std::size_t step) {
  step = std::min(step, layout_->steps() - 1);
  if (step == step_) return;
  step_ = step;
  if (columnCount() > 0) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
}

int ActionModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(layout_->width());
}
int ActionModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : exit_count() + 3; }

double ActionModel::stored(int row, int column) const {
  const auto first = static_cast<std::size_t>(row);
  const auto place = step_ * layout_->width() + first;
  const auto recorded = [&] { return step_ == 0 && first < recorded_.size() ? recorded_[first] : kMissing; };
  const auto at = [&](const ActionValues& action) {
    return place < action.size() ? static_cast<double>(action[place]) : kMissing;
  };
  if (column == recorded_column()) return recorded();
  if (!record_) return kMissing;
  if (column == executed_column()) return at(record_->action);
  if (column == error_column()) return is_deer_gripper(row) ? kMissing : at(record_->action) - recorded();
  const ExitProbe* probe = record_->probe_at(exit_layers_[static_cast<std::size_t>(column)]);
  return probe ? at(probe->action) : kMissing;
}

double ActionModel::bar(int row, int column) const {
  const double value = stored(row, column);
  if (std::isnan(value)) return kMissing;
  if (layout_->is_deer()) {
    // A probability of 0.5 is the middle of the bar.
    const bool probability = row == kGripper && column != recorded_column();
    return std::clamp(probability ? 2 * value - 1 : value, -1.0, 1.0);
  }
  // How large a value can get is not known: the largest of the row fills its cell.
  double largest = 0;
  for (int other = 0; other < columnCount(); ++other) largest = std::fmax(largest, std::abs(stored(row, other)));
  return largest > 0 ? value / largest : 0;
}

QString ActionModel::gripper_text(int row, int column) const {
  const QString none(QChar(0x2013));
  const auto word = [](bool opens) { return opens ? tr("open") : tr("close"); };
  const auto gripper = static_cast<std::size_t>(row);
  const bool is_recorded = gripper < recorded_.size();
  if (column == recorded_column()) return is_recorded ? word(recorded_[gripper] > 0) : none;
  if (column == error_column()) {
    if (!is_recorded || !record_) return none;
    return record_->opens(gripper) == (recorded_[gripper] > 0) ? tr("same") : tr("differs");
  }
  const double probability = stored(row, column);
  if (std::isnan(probability)) return none;
  return column == executed_column() ? word(record_->opens(gripper))
                                     : tr("%1 %").arg(format_fixed(probability * 100, 0));
}

QString ActionModel::text(int row, int column) const {
  return is_deer_gripper(row) ? gripper_text(row, column) : dimension_text(dimension(row), stored(row, column));
}

QVariant ActionModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const int row = index.row(), column = index.column();
  const Theme& theme = Theme::instance();
  const bool taken = record_ && column < exit_count() && column == record_->exit_index;
  switch (role) {
    case Qt::DisplayRole:
      return text(row, column);
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(Qt::Alignment(Qt::AlignTrailing | Qt::AlignVCenter));
    case Qt::FontRole: {
      QFont font = Theme::number_font(theme.body_font());
      font.setBold(taken || column == executed_column());
      return font;
    }
    case Qt::ForegroundRole:
      if (text(row, column) == QString(QChar(0x2013))) return theme.colors().muted_text;
      if (is_deer_gripper(row) && column == error_column() && text(row, column) == tr("differs")) {
        return theme.colors().error;
      }
      return theme.colors().text;
    case Qt::ToolTipRole:
      if (text(row, column) != QString(QChar(0x2013))) return {};
      if (column == recorded_column() || column == error_column()) return tr("No recorded action for this frame.");
      return tr("Not evaluated: the model stopped before this exit.");
    case kSelectedRole:
      return index.column() == selected_;
    case kTakenRole:
      return taken;
    case kBarRole:
      return bar(row, column);
    case kBarColorRole:
      if (column < exit_count()) return theme.exit_color(column, exit_count());
      if (column == executed_column()) return theme.exit_color(record_ ? record_->exit_index : -1, exit_count());
      return column == recorded_column() ? theme.colors().recorded : theme.colors().muted_text;
    default:
      return {};
  }
}

QVariant ActionModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation == Qt::Horizontal) {
    switch (role) {
      case Qt::DisplayRole:
        if (section < exit_count()) return tr("exit %1").arg(section + 1);
        return section == executed_column()   ? tr("executed")
               : section == recorded_column() ? tr("recorded")
                                              : tr("error");
      case Qt::TextAlignmentRole:
        return QVariant::fromValue(Qt::Alignment(Qt::AlignTrailing | Qt::AlignVCenter));
      case Qt::ToolTipRole:
        if (section < exit_count()) {
          return tr("Output of the action head at exit %1, depth %2.")
              .arg(section + 1)
              .arg(exit_layers_[static_cast<std::size_t>(section)] + 1);
        }
        return section == executed_column()   ? tr("The action of the exit taken, as sent to the robot.")
               : section == recorded_column() ? tr("The action in the dataset.")
                                              : tr("Executed minus recorded.");
      default:
        return {};
    }
  }
  if (section < 0 || section >= rowCount()) return {};
  if (role == Qt::DisplayRole) {
    return is_deer_gripper(section) ? dimension_name(dimension(section)) : dimension_label(dimension(section));
  }
  if (role != Qt::ToolTipRole) return {};
  if (!layout_->is_deer()) {
    return dimension(section).kind == DimensionKind::gripper ? tr("Value of a gripper in one step, as recorded.")
                                                             : tr("Value of the action in one step, as recorded.");
  }
  if (section <= kZ) return tr("Movement in the world frame in one step. The model’s value of 1 is 20 mm.");
  if (section <= kRotationZ) {
    return tr("Rotation about the world’s axis in one step. The model’s value of 1 is 1/20 rad, 2.86°.");
  }
  return tr("Probability that the gripper opens; above 50 % it opens.");
}

}  // namespace deer
