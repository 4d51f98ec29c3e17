// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/analysis/runs_model.h"

#include <QFont>
#include <algorithm>
#include <cmath>
#include <utility>

#include "sessions/analysis/run_summary.h"
#include "sessions/analysis/run_tally.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {

RunsModel::RunsModel(Session* session, QObject* parent)
    : QAbstractTableModel(parent),
      session_(session),
      kept_(KeptRuns::of(session)),
      tally_(RunTally::of(session)),
      summary_(new RunSummary(session, this)) {
  connect(kept_, &KeptRuns::changed, this, &RunsModel::refresh);
  connect(kept_, &KeptRuns::shown_changed, this, &RunsModel::refresh);
  connect(tally_, &RunTally::started_anew, this, &RunsModel::refresh);
  connect(tally_, &RunTally::changed, this, &RunsModel::refresh);
  connect(session, &Session::policy_changed, this, &RunsModel::refresh);
  refresh();
}

void RunsModel::refresh() {
  std::vector<Row> now;
  for (const auto* const run : kept_->listed()) now.push_back({run->id, run->name, run->shown && kept_->fits(*run)});
  const bool has_open = tally_->evaluated() > 0;
  if (!std::ranges::equal(now, rows_, {}, &Row::id, &Row::id) || has_open != has_open_) {
    beginResetModel();
    rows_ = std::move(now);
    has_open_ = has_open;
    endResetModel();
    return;
  }
  if (rowCount() == 0) return;
  // A name that did not change stays untouched: it may be being edited.
  const auto before = std::exchange(rows_, std::move(now));
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const auto changed = index(static_cast<int>(i) + (has_open_ ? 1 : 0), kName);
    if (rows_[i] != before[i]) Q_EMIT dataChanged(changed, changed);
  }
  Q_EMIT dataChanged(index(0, kName + 1), index(rowCount() - 1, kColumnCount - 1));
}

const KeptRun* RunsModel::run(int row) const {
  const auto place = row - (has_open_ ? 1 : 0);
  return place >= 0 && place < static_cast<int>(rows_.size()) ? kept_->run(rows_[static_cast<std::size_t>(place)].id)
                                                              : nullptr;
}

int RunsModel::row_of(const QString& id) const {
  const auto found = std::ranges::find(rows_, id, &Row::id);
  return found == rows_.end() ? -1 : static_cast<int>(found - rows_.begin()) + (has_open_ ? 1 : 0);
}

int RunsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size()) + (has_open_ ? 1 : 0);
}

int RunsModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumnCount; }

RunFigures RunsModel::open_figures() const {
  RunFigures out;
  out.evaluated = tally_->evaluated();
  out.mean_depth = tally_->mean_depth();
  out.mean_distance = tally_->mean_distance();
  out.distance_unit = tally_->distance_unit();
  if (const auto saving = summary_->saving(summary_->frames() - 1)) {
    out.saving = saving->times;
    out.saving_in_layers = saving->in_layers;
  }
  return out;
}

QString RunsModel::text(const KeptRun* run, int column) const {
  const auto figures = run ? run->figures : open_figures();
  switch (column) {
    case kName:
      return run ? run->name : tr("Current run");
    case kBaseline:
      if (!run) return {};
      return kept_->baseline() == run->id ? QStringLiteral("●") : QStringLiteral("○");
    case kDepth:
      return format_short(figures.mean_depth);
    case kSaving:
      if (!std::isfinite(figures.saving)) return format_short(figures.saving);
      return figures.saving < 1.005 ? tr("none") : tr("%1×").arg(format_fixed(figures.saving, 1));
    case kDistance:
      return std::isnan(figures.mean_distance) ? format_short(figures.mean_distance)
                                               : format_quantity(figures.mean_distance, figures.distance_unit, 2);
    case kDetails:
      if (run) return run->details();
      return session_->model() ? describe_policy(session_->policy(), session_->model()->exit_layers) : QString();
    default:
      return {};
  }
}

QVariant RunsModel::tip(const KeptRun* run, int column) const {
  if (column == kDetails) return text(run, column);
  if (!run) return {};
  switch (column) {
    case kColor:
      return tr("Click to choose another colour.");
    case kBaseline:
      return tr("Click to compare single frames with this run.");
    case kName:
      if (kept_->fits(*run)) return tr("Double click to rename.");
      return run->kind == KeptRun::Kind::live ? tr("Can be shown while a live source is open.")
                                              : tr("The episode now has another number of frames.");
    default:
      return {};
  }
}

QVariant RunsModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const auto* const run = this->run(index.row());
  const auto& theme = Theme::instance();
  switch (role) {
    case Qt::DisplayRole:
      return text(run, index.column());
    case Qt::EditRole:
      return run && index.column() == kName ? run->name : QVariant();
    case Qt::CheckStateRole:
      if (!run || index.column() != kName) return {};
      return run->shown && kept_->fits(*run) ? Qt::Checked : Qt::Unchecked;
    case Qt::DecorationRole:
      return run && index.column() == kColor ? theme.run_color(run->color) : QVariant();
    case Qt::ToolTipRole:
      return tip(run, index.column());
    case Qt::FontRole: {
      auto font = Theme::number_font(theme.body_font());
      font.setItalic(!run);
      return font;
    }
    case Qt::ForegroundRole:
      return run && !kept_->fits(*run) ? theme.colors().muted_text : theme.colors().text;
    case Qt::TextAlignmentRole:
      return headerData(index.column(), Qt::Horizontal, role);
    case Qt::AccessibleTextRole:
      if (index.column() == kBaseline && run) return kept_->baseline() == run->id ? tr("baseline") : tr("not baseline");
      return {};
    default:
      return {};
  }
}

bool RunsModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  const auto* const run = index.isValid() ? this->run(index.row()) : nullptr;
  if (!run || index.column() != kName) return false;
  const QString id = run->id;
  if (role == Qt::CheckStateRole) {
    kept_->set_shown(id, value.toInt() == Qt::Checked);
    return true;
  }
  if (role != Qt::EditRole || value.toString().simplified().isEmpty()) return false;
  kept_->set_name(id, value.toString());
  return true;
}

QVariant RunsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation == Qt::Vertical) return {};
  if (role == Qt::TextAlignmentRole) {
    const bool number = section == kDepth || section == kSaving || section == kDistance;
    const bool mark = section == kBaseline || section == kColor;
    return QVariant::fromValue(Qt::Alignment((number ? Qt::AlignTrailing
                                              : mark ? Qt::AlignHCenter
                                                     : Qt::AlignLeading) |
                                             Qt::AlignVCenter));
  }
  struct Head {
    QString text, tip;
  };
  const auto head = [section]() -> Head {
    switch (section) {
      case kName:
        return {tr("run"), tr("Check a run to show it over the timeline and in Compare.")};
      case kColor:
        return {tr("colour"), tr("Colour of its line.")};
      case kBaseline:
        return {tr("baseline"), tr("The run that single frames are compared with.")};
      case kDepth:
        return {tr("layers"), tr("Mean depth.")};
      case kSaving:
        return {tr("saving"), tr("The language model's compute at full depth divided by that of this run.")};
      case kDistance:
        return {tr("error"), tr("Mean distance between the positions of the executed action and the deepest exit's.")};
      default:
        return {tr("model and policy"), {}};
    }
  }();
  if (role == Qt::DisplayRole) return head.text;
  if (role == Qt::ToolTipRole) return head.tip;
  return {};
}

Qt::ItemFlags RunsModel::flags(const QModelIndex& index) const {
  auto flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
  const auto* const run = index.isValid() ? this->run(index.row()) : nullptr;
  if (!run || index.column() != kName) return flags;
  flags |= Qt::ItemIsEditable;
  if (kept_->fits(*run)) flags |= Qt::ItemIsUserCheckable;
  return flags;
}

}  // namespace deer
