// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/debug/what_if_models.h"

#include <algorithm>

#include "sessions/session/session.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

int place_of(const Session* session, int layer) {
  const auto* const model = session->model();
  if (!model) return -1;
  const auto found = std::find(model->exit_layers.begin(), model->exit_layers.end(), layer);
  return found == model->exit_layers.end() ? -1 : static_cast<int>(found - model->exit_layers.begin());
}

QColor color_of(const Session* session, int layer) {
  const int exits = session->model() ? static_cast<int>(session->model()->exit_layers.size()) : 0;
  return Theme::instance().exit_color(place_of(session, layer), exits);
}

QString exit_text(const Session* session, int layer) { return exit_name(place_of(session, layer), layer); }

QVariant alignment(bool leading) {
  return QVariant::fromValue(Qt::Alignment((leading ? Qt::AlignLeading : Qt::AlignTrailing) | Qt::AlignVCenter));
}

}  // namespace

ForcedModel::ForcedModel(Session* session, ForcedExits* forced, QObject* parent)
    : QAbstractTableModel(parent), session_(session) {
  const auto renew = [this, forced] {
    beginResetModel();
    rows_.assign(forced->layers().begin(), forced->layers().end());
    endResetModel();
  };
  connect(forced, &ForcedExits::changed, this, renew);
  renew();
}

qint64 ForcedModel::frame_of(int row) const {
  return row >= 0 && row < rowCount() ? rows_[static_cast<std::size_t>(row)].first : -1;
}

int ForcedModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}
int ForcedModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumnCount; }

QVariant ForcedModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const auto& [frame, layer] = rows_[static_cast<std::size_t>(index.row())];
  switch (role) {
    case Qt::DisplayRole:
      return index.column() == kFrame ? format_count(frame) : exit_text(session_, layer);
    case Qt::DecorationRole:
      if (index.column() == kExit) return color_of(session_, layer);
      break;
    case Qt::TextAlignmentRole:
      return alignment(index.column() == kExit);
    case Qt::FontRole:
      return Theme::number_font(Theme::instance().body_font());
  }
  return {};
}

QVariant ForcedModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) return alignment(section == kExit);
  if (role != Qt::DisplayRole) return {};
  return section == kFrame ? tr("frame") : tr("forced to");
}

FlipModel::FlipModel(Session* session, ThresholdFlips* flips, QObject* parent)
    : QAbstractTableModel(parent), session_(session) {
  const auto renew = [this, flips] {
    beginResetModel();
    rows_ = flips->flips();
    endResetModel();
  };
  connect(flips, &ThresholdFlips::changed, this, renew);
  renew();
}

qint64 FlipModel::frame_of(int row) const {
  return row >= 0 && row < rowCount() ? rows_[static_cast<std::size_t>(row)].frame : -1;
}

int FlipModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}
int FlipModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumnCount; }

QVariant FlipModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const auto& flip = rows_[static_cast<std::size_t>(index.row())];
  const bool exit = index.column() == kPresent || index.column() == kOther;
  switch (role) {
    case Qt::DisplayRole:
      switch (index.column()) {
        case kFrame:
          return format_count(flip.frame);
        case kPresent:
          return exit_text(session_, flip.present_layer);
        case kOther:
          return exit_text(session_, flip.other_layer);
        case kDelta:
          return format_short(double(flip.delta));
        case kThreshold:
          return format_short(double(flip.threshold));
        case kMargin:
          return format_short(double(flip.margin()));
      }
      break;
    case Qt::DecorationRole:
      if (exit) return color_of(session_, index.column() == kPresent ? flip.present_layer : flip.other_layer);
      break;
    case Qt::TextAlignmentRole:
      return alignment(exit);
    case Qt::FontRole:
      return Theme::number_font(Theme::instance().body_font());
    case Qt::ToolTipRole:
      return tr("At %1: delta %2, active threshold %3.")
          .arg(exit_text(session_, flip.parting_layer), format_number(double(flip.delta)),
               format_number(double(flip.threshold)));
  }
  return {};
}

QVariant FlipModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) return alignment(section == kPresent || section == kOther);
  if (role == Qt::ToolTipRole) {
    return section == kMargin ? tr("Active threshold minus delta, at the exit where the two differ.") : QVariant();
  }
  if (role != Qt::DisplayRole) return {};
  switch (section) {
    case kFrame:
      return tr("frame");
    case kPresent:
      return tr("now");
    case kOther:
      return tr("then");
    case kDelta:
      return tr("delta");
    case kThreshold:
      return tr("threshold");
    case kMargin:
      return tr("margin");
    default:
      return {};
  }
}

}  // namespace deer
