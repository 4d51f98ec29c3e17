// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/debug/event_model.h"

#include <algorithm>
#include <climits>

#include "sessions/session/session.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kRenewMs = 120;

}  // namespace

EventModel::EventModel(Session* session, Debugger* debugger, QObject* parent)
    : QAbstractTableModel(parent), session_(session), debugger_(debugger) {
  later_.setSingleShot(true);
  later_.setInterval(kRenewMs);
  connect(&later_, &QTimer::timeout, this, &EventModel::renew);
  connect(debugger, &Debugger::events_changed, this, [this] {
    // Removed rows must not be accessed until then.
    if (debugger_->events().count(kinds_) < rows_) return renew();
    if (!later_.isActive()) later_.start();
  });
  renew();
}

void EventModel::renew() {
  later_.stop();
  beginResetModel();
  rows_ = static_cast<int>(std::min<qint64>(debugger_->events().count(kinds_), INT_MAX));
  endResetModel();
}

void EventModel::set_kinds(EventKinds kinds) {
  kinds_ = kinds;
  renew();
}

QString EventModel::kind_name(FrameEventKind kind, Language language) {
  const auto text = [kind] {
    switch (kind) {
      case FrameEventKind::exit_change:
        return QT_TR_NOOP("exit change");
      case FrameEventKind::threshold_crossing:
        return QT_TR_NOOP("threshold crossing");
      case FrameEventKind::gripper_opens:
        return QT_TR_NOOP("gripper opens");
      case FrameEventKind::gripper_closes:
        return QT_TR_NOOP("gripper closes");
      case FrameEventKind::forced:
        return QT_TR_NOOP("forced exit");
      case FrameEventKind::breakpoint:
        return QT_TR_NOOP("breakpoint");
      case FrameEventKind::status:
        return QT_TR_NOOP("status");
      case FrameEventKind::gap:
        return QT_TR_NOOP("dropped frames");
      case FrameEventKind::error:
        return QT_TR_NOOP("error");
    }
    return "";
  };
  return in(language, text());
}

QString EventModel::gripper_text(const FrameEvent& event, Language language) const {
  const auto& layout = debugger_->layout();
  const auto value = format_number(double(event.value), 2);
  const auto place = static_cast<std::size_t>(event.dimension);
  if (layout.is_deer() || place >= layout.width()) {
    return in(language, QT_TR_NOOP("probability of opening %1")).arg(value);
  }
  return in(language, QT_TR_NOOP("%1 at %2")).arg(QString::fromStdString(layout.dimensions()[place].name), value);
}

QString EventModel::in(Language language, const char* text) {
  return language == Language::users ? tr(text) : QString::fromUtf8(text);
}

QString EventModel::what(const FrameEvent& event, Language language) const {
  const auto word = [language](const char* text) { return in(language, text); };
  const auto exit = [&word](int place) {
    return place < 0 ? word(QT_TR_NOOP("no exit")) : word(QT_TR_NOOP("exit %1")).arg(place + 1);
  };
  switch (event.kind) {
    case FrameEventKind::exit_change:
      // The column is narrow: on screen the numbers are enough beside the event's name.
      if (language == Language::users && event.other >= 0 && event.exit >= 0) {
        return QStringLiteral("%1 → %2").arg(event.other + 1).arg(event.exit + 1);
      }
      return QStringLiteral("%1 → %2").arg(exit(event.other), exit(event.exit));
    case FrameEventKind::threshold_crossing:
      return word(event.value <= event.limit ? QT_TR_NOOP("%1: delta %2 fell to its threshold %3")
                                             : QT_TR_NOOP("%1: delta %2 rose above its threshold %3"))
          .arg(exit(event.exit), format_number(double(event.value)), format_number(double(event.limit)));
    case FrameEventKind::gripper_opens:
    case FrameEventKind::gripper_closes:
      return gripper_text(event, language);
    case FrameEventKind::forced:
      return word(QT_TR_NOOP("%1, forced")).arg(exit(event.exit));
    case FrameEventKind::gap:
      return word(QT_TR_NOOP("%1: %2 since the previous frame"))
          .arg(debugger_->events().text(event), format_quantity(double(event.value), QStringLiteral("s")));
    case FrameEventKind::breakpoint:
    case FrameEventKind::status:
    case FrameEventKind::error:
      return debugger_->events().text(event);
  }
  return {};
}

qint64 EventModel::frame_of(int row) const {
  return row >= 0 && row < rows_ ? debugger_->events().at(kinds_, row).frame : -1;
}

int EventModel::row_of(qint64 frame) const {
  return static_cast<int>(std::min<qint64>(debugger_->events().row_of(kinds_, frame), rows_));
}

QString EventModel::csv_header() { return QStringLiteral("frame,kind,what\n"); }

QString EventModel::csv_line(int row) const {
  const auto event = debugger_->events().at(kinds_, row);
  auto text = what(event, Language::files);
  text.replace(u'"', QStringLiteral("\"\""));
  return QStringLiteral("%1,%2,\"%3\"\n")
      .arg(QString::number(event.frame), kind_name(event.kind, Language::files), text);
}

int EventModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : rows_; }
int EventModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumnCount; }

QVariant EventModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const auto event = debugger_->events().at(kinds_, index.row());
  const auto& theme = Theme::instance();
  const int exits = session_->model() ? static_cast<int>(session_->model()->exit_layers.size()) : 0;
  switch (role) {
    case Qt::DisplayRole:
      if (index.column() == kFrame) return format_count(event.frame);
      return index.column() == kKind ? kind_name(event.kind) : what(event);
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(
          Qt::Alignment((index.column() == kFrame ? Qt::AlignTrailing : Qt::AlignLeading) | Qt::AlignVCenter));
    case Qt::DecorationRole:
      if (index.column() == kWhat && event.exit >= 0 &&
          (event.kind == FrameEventKind::exit_change || event.kind == FrameEventKind::forced)) {
        return theme.exit_color(event.exit, exits);
      }
      break;
    case Qt::ForegroundRole:
      if (event.kind == FrameEventKind::error) return theme.colors().error;
      if (event.kind == FrameEventKind::gap) return theme.colors().warning;
      if (index.column() == kKind) return theme.colors().muted_text;
      break;
    case Qt::FontRole:
      return Theme::number_font(theme.body_font());
    case Qt::ToolTipRole:
      if (index.column() == kWhat) return what(event);
      if (index.column() == kKind) return kind_name(event.kind);
      break;
  }
  return {};
}

QVariant EventModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) {
    return QVariant::fromValue(
        Qt::Alignment((section == kFrame ? Qt::AlignTrailing : Qt::AlignLeading) | Qt::AlignVCenter));
  }
  if (role != Qt::DisplayRole) return {};
  return section == kFrame ? tr("frame") : section == kKind ? tr("event") : tr("what");
}

}  // namespace deer
