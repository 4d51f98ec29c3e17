// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/actions/action_model.h"

#include <QFont>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
// CALVIN: relative action = metres x 50, radians x 20.
constexpr double kMillimetres = 1000.0 / 50;
constexpr double kDegrees = 180 / std::numbers::pi / 20;

}  // namespace

double ActionModel::unit_scale(int row) { return row <= kZ ? kMillimetres : row <= kRotationZ ? kDegrees : 100; }

void ActionModel::set_selected(int exit_index) {
  if (exit_index == selected_) return;
  selected_ = exit_index;
  if (columnCount() > 0) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
}

void ActionModel::set(std::vector<int> exit_layers, FrameRecordPtr record,
                      std::optional<std::array<double, 7>> recorded) {
  const bool same_columns = exit_layers == exit_layers_;
  if (!same_columns) beginResetModel();
  exit_layers_ = std::move(exit_layers);
  record_ = std::move(record);
  recorded_ = recorded;
  if (!same_columns) return endResetModel();
  Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
  Q_EMIT headerDataChanged(Qt::Horizontal, 0, columnCount() - 1);
}

int ActionModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kRowCount; }
int ActionModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : exit_count() + 3; }

double ActionModel::relative(int row, int column) const {
  const auto arm = static_cast<std::size_t>(row);
  if (column == recorded_column()) return recorded_ ? (*recorded_)[arm] : kMissing;
  if (!record_) return kMissing;
  if (column == executed_column()) return row == kGripper ? record_->gripper_probability : record_->arm[arm];
  if (column == error_column()) {
    if (!recorded_) return kMissing;
    return row == kGripper ? kMissing : record_->arm[arm] - (*recorded_)[arm];
  }
  const ExitProbe* probe = record_->probe_at(exit_layers_[static_cast<std::size_t>(column)]);
  if (!probe) return kMissing;
  return row == kGripper ? probe->gripper_probability : probe->arm[arm];
}

QString ActionModel::text(int row, int column) const {
  const QString none(QChar(0x2013));
  if (row == kGripper) {
    const auto word = [](double command) { return command > 0 ? tr("open") : tr("close"); };
    if (column == recorded_column()) return recorded_ ? word((*recorded_)[6]) : none;
    if (column == error_column()) {
      if (!recorded_ || !record_) return none;
      return (record_->command[6] > 0) == ((*recorded_)[6] > 0) ? tr("same") : tr("differs");
    }
    const double probability = relative(row, column);
    if (std::isnan(probability)) return none;
    const QString share = tr("%1 %").arg(format_fixed(probability * 100, 0));
    return column == executed_column() ? word(record_->command[6]) : share;
  }
  const double value = relative(row, column) * unit_scale(row);
  return std::isnan(value) ? none : format_fixed(value, row <= kZ ? 1 : 2);
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
      if (row == kGripper && column == error_column() && text(row, column) == tr("differs")) {
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
    case kBarRole: {
      const double value = relative(row, column);
      if (std::isnan(value)) return kMissing;
      // A probability of 0.5 is the middle of the bar.
      const bool probability = row == kGripper && column != recorded_column();
      return std::clamp(probability ? 2 * value - 1 : value, -1.0, 1.0);
    }
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
  switch (role) {
    case Qt::DisplayRole:
      switch (section) {
        case kX:
          return tr("x, mm");
        case kY:
          return tr("y, mm");
        case kZ:
          return tr("z, mm");
        case kRotationX:
          return tr("turn x, °");
        case kRotationY:
          return tr("turn y, °");
        case kRotationZ:
          return tr("turn z, °");
        default:
          return tr("gripper");
      }
    case Qt::ToolTipRole:
      if (section <= kZ) return tr("Movement in the world frame in one step. The model’s value of 1 is 20 mm.");
      if (section <= kRotationZ) {
        return tr("Rotation about the world’s axis in one step. The model’s value of 1 is 1/20 rad, 2.86°.");
      }
      return tr("Probability that the gripper opens; above 50 % it opens.");
    default:
      return {};
  }
}

}  // namespace deer
