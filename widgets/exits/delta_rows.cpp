// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/exits/delta_rows.h"

#include <QHelpEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QStyle>
#include <QToolTip>
#include <cmath>

#include "core/exits/exit_policy.h"
#include "widgets/base/delta_scale.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kGrip = 5;             // pixels around a threshold mark in which it can be dragged
constexpr int kNarrow = 420;         // below this width the depth column is hidden
constexpr int kVeryNarrow = 220;     // and below this the thresholds
constexpr double kTakenTint = 0.08;  // behind the exit taken; the accent is for the exit selected

bool has_mark(const DeltaRows::Row& row) {
  return row.uses_threshold && std::isfinite(row.threshold) && row.threshold < kAlwaysLeave &&
         row.threshold > kNeverLeave;
}

}  // namespace

std::optional<bool> DeltaRows::Row::would_stop() const {
  if (!uses_threshold || !std::isfinite(delta) || !std::isfinite(threshold)) return std::nullopt;
  return delta <= threshold;
}

DeltaRows::DeltaRows(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("Deltas by exit"));
  setMouseTracking(true);
  setFont(Theme::number_font(Theme::instance().body_font()));
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void DeltaRows::set_rows(std::vector<Row> rows) {
  const bool resized = rows.size() != rows_.size();
  rows_ = std::move(rows);
  if (dragged_ >= static_cast<int>(rows_.size())) dragged_ = -1;
  QStringList lines;
  for (int row = 0; row < static_cast<int>(rows_.size()); ++row) lines << text(row);
  setAccessibleDescription(lines.join(QLatin1Char('\n')));
  if (resized) updateGeometry();
  update();
}

void DeltaRows::set_editable(bool editable) {
  editable_ = editable;
  if (!editable) {
    dragged_ = -1;
    unsetCursor();
  }
}

int DeltaRows::row_height() const { return fontMetrics().height() + spacing::kSmall; }

QSize DeltaRows::sizeHint() const { return {420, row_height() * (static_cast<int>(rows_.size()) + 2)}; }

QSize DeltaRows::minimumSizeHint() const { return {180, row_height() * (static_cast<int>(rows_.size()) + 2)}; }

const DeltaRows::Columns& DeltaRows::columns() const {
  if (columns_.width == width() && columns_.direction == layoutDirection() && columns_.font == font()) return columns_;
  const QFontMetrics metrics = fontMetrics();
  const int height = row_height();
  const auto wide = [&metrics](const QString& text) { return metrics.horizontalAdvance(text); };
  const int name = wide(tr("exit %1").arg(24)) + spacing::kMedium + spacing::kSmall;
  const int depth = width() < kNarrow ? 0 : std::max(wide(tr("depth")), wide(QStringLiteral("24"))) + spacing::kMedium;
  QFont taken = font();
  taken.setBold(true);  // the exit taken is the widest
  const int number = QFontMetrics(taken).horizontalAdvance(QStringLiteral("0.00000"));
  const int delta = std::max(number, wide(tr("delta"))) + spacing::kSmall;
  const int threshold =
      width() < kVeryNarrow ? 0 : std::max(wide(tr("threshold")), wide(QStringLiteral("0.00000"))) + spacing::kMedium;
  const int would_stop = threshold > 0 ? wide(QStringLiteral("✓")) + spacing::kTiny : 0;
  const QFontMetrics small(Theme::instance().label_font());
  const int decision =
      std::max(small.horizontalAdvance(tr("taken")), small.horizontalAdvance(tr("forced"))) + spacing::kMedium;

  auto& c = columns_;
  c.width = width();
  c.direction = layoutDirection();
  c.font = font();
  int x = 0;
  const auto take = [&x, height](int width) {
    const QRect rect(x, 0, width, height);
    x += width;
    return rect;
  };
  c.name = take(name);
  c.depth = take(depth);
  x += spacing::kSmall;
  c.bar = take(std::max(24, width() - x - spacing::kSmall - delta - threshold - would_stop - decision));
  x += spacing::kSmall;
  c.delta = take(delta);
  c.threshold = take(threshold);
  c.would_stop = take(would_stop);
  c.decision = take(decision);
  for (QRect* column : {&c.name, &c.depth, &c.bar, &c.delta, &c.threshold, &c.would_stop, &c.decision}) {
    *column = QStyle::visualRect(layoutDirection(), QRect(0, 0, width(), height), *column);
  }
  return c;
}

void DeltaRows::set_selected(int exit_index) {
  selected_ = exit_index;
  update();
}

QRect DeltaRows::in_row(const QRect& column, int row) const { return column.translated(0, (row + 1) * row_height()); }

QRect DeltaRows::bar_area(int row) const {
  return in_row(columns().bar, row).adjusted(0, spacing::kTiny, 0, -spacing::kTiny);
}

int DeltaRows::mark_x(int row) const {
  if (!has_mark(rows_[static_cast<std::size_t>(row)])) return -1;
  const QRect area = bar_area(row);
  const double place = delta_scale::position(rows_[static_cast<std::size_t>(row)].threshold);
  const int offset = static_cast<int>(std::lround(place * (area.width() - 1)));
  return layoutDirection() == Qt::RightToLeft ? area.right() - offset : area.left() + offset;
}

int DeltaRows::row_at(const QPoint& point) const {
  const int row = point.y() / row_height() - 1;
  return point.y() >= row_height() && row < static_cast<int>(rows_.size()) ? row : -1;
}

int DeltaRows::mark_at(const QPoint& point) const {
  const int row = row_at(point);
  if (row < 0 || !editable_) return -1;
  const int x = mark_x(row);
  return x >= 0 && std::abs(point.x() - x) <= kGrip ? row : -1;
}

QString DeltaRows::text(int row) const {
  const Row& r = rows_[static_cast<std::size_t>(row)];
  QString decision;
  switch (r.decision) {
    case Decision::left:
      decision = r.forced ? tr("the exit taken, forced") : tr("the exit taken");
      break;
    case Decision::went_on:
      decision = r.would_stop() == true ? tr("would stop; a deeper exit was taken") : tr("went deeper");
      break;
    case Decision::not_reached:
      decision = r.would_stop() == true ? tr("not reached; would stop") : tr("not reached by the policy");
      break;
    case Decision::beyond:
      decision = tr("beyond the deepest allowed exit");
      break;
  }
  const QString threshold = !r.uses_threshold         ? tr("taken whatever the delta")
                            : std::isnan(r.threshold) ? tr("no threshold")
                                                      : tr("threshold %1").arg(format_threshold(r.threshold));
  return tr("%1, depth %2: delta %3, %4; %5")
      .arg(exit_name(r.exit_index, r.layer))
      .arg(r.layer + 1)
      .arg(format_number(r.delta), threshold, decision);
}

void DeltaRows::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const Columns& c = columns();
  paint_headings(&painter, c);
  for (int row = 0; row < static_cast<int>(rows_.size()); ++row) paint_row(&painter, c, row);
  if (!rows_.empty()) paint_scale(&painter, c);
}

void DeltaRows::paint_headings(QPainter* painter, const Columns& c) {
  painter->setFont(Theme::instance().label_font());
  painter->setPen(Theme::instance().colors().muted_text);
  const auto start = QStyle::visualAlignment(layoutDirection(), Qt::AlignLeft) | Qt::AlignVCenter;
  const auto end = QStyle::visualAlignment(layoutDirection(), Qt::AlignRight) | Qt::AlignVCenter;
  painter->drawText(c.name, start, tr("exit"));
  if (c.depth.width() > 0) painter->drawText(c.depth, end, tr("depth"));
  const QString scale = tr("log scale");
  if (painter->fontMetrics().horizontalAdvance(scale) <= c.bar.width()) painter->drawText(c.bar, start, scale);
  painter->drawText(c.delta, end, tr("delta"));
  if (c.threshold.width() > 0) painter->drawText(c.threshold, end, tr("threshold"));
  painter->drawText(c.decision.adjusted(spacing::kTiny, 0, -spacing::kTiny, 0), end, tr("taken"));
}

void DeltaRows::paint_row(QPainter* painter, const Columns& c, int row) {
  const Theme& theme = Theme::instance();
  const ThemeColors& colors = theme.colors();
  const Row& r = rows_[static_cast<std::size_t>(row)];
  const bool taken = r.decision == Decision::left;
  const bool counts = taken || r.decision == Decision::went_on;
  const QColor color = theme.exit_color(r.exit_index, static_cast<int>(rows_.size()));
  const auto start = QStyle::visualAlignment(layoutDirection(), Qt::AlignLeft) | Qt::AlignVCenter;
  const auto end = QStyle::visualAlignment(layoutDirection(), Qt::AlignRight) | Qt::AlignVCenter;

  if (taken) {
    painter->setPen(Qt::NoPen);
    painter->setBrush(Theme::mix(colors.background, colors.text, kTakenTint));
    painter->drawRoundedRect(QRect(0, (row + 1) * row_height(), width(), row_height()), 3, 3);
  }

  if (r.exit_index == selected_) {
    painter->setPen(QPen(colors.accent, 1));
    painter->setBrush(Qt::NoBrush);
    painter->drawRoundedRect(QRectF(0.5, (row + 1) * row_height() + 0.5, width() - 1, row_height() - 1), 3, 3);
  }

  const QRect name = in_row(c.name, row);
  const QRect swatch = QStyle::visualRect(
      layoutDirection(), name,
      QRect(name.left() + spacing::kTiny, name.top() + spacing::kTiny, 4, name.height() - spacing::kSmall));
  painter->fillRect(swatch, color);
  QFont number = font();
  number.setBold(taken);
  painter->setFont(number);
  painter->setPen(counts ? colors.text : colors.muted_text);
  painter->drawText(QStyle::visualRect(layoutDirection(), name, name.adjusted(spacing::kMedium, 0, 0, 0)), start,
                    exit_name(r.exit_index, r.layer));
  if (c.depth.width() > 0) painter->drawText(in_row(c.depth, row), end, QString::number(r.layer + 1));

  const QRect area = bar_area(row);
  painter->fillRect(area, Theme::mix(colors.background, colors.text, taken ? 2 * kTakenTint : 0.06));
  if (std::isfinite(r.delta)) {
    const int length = static_cast<int>(std::lround(delta_scale::position(r.delta) * area.width()));
    const QRect bar =
        QStyle::visualRect(layoutDirection(), area, QRect(area.left(), area.top(), std::max(length, 2), area.height()));
    if (counts) {
      painter->fillRect(bar, color);
    } else {
      // Known, but not part of the decision.
      painter->setPen(color);
      painter->setBrush(QBrush(color, Qt::BDiagPattern));
      painter->drawRect(bar.adjusted(0, 0, -1, -1));
    }
  }
  if (const int x = mark_x(row); x >= 0) {
    const QRect line(x - 1, area.top() - spacing::kTiny + 1, 3, area.height() + 2 * spacing::kTiny - 2);
    painter->fillRect(line, colors.background);
    QPen pen(colors.text, 1, Qt::CustomDashLine, Qt::FlatCap);
    pen.setDashPattern({4, 2});
    painter->setPen(pen);
    painter->drawLine(x, line.top(), x, line.bottom());
  }

  painter->setPen(counts ? colors.text : colors.muted_text);
  painter->drawText(in_row(c.delta, row), end, format_short(r.delta));
  if (c.threshold.width() > 0) {
    number.setBold(false);
    painter->setFont(number);
    const QString text = !r.uses_threshold         ? tr("last")
                         : std::isnan(r.threshold) ? QString(QChar(0x2013))
                                                   : format_threshold(r.threshold);
    painter->drawText(in_row(c.threshold, row), end, text);
  }
  // What the threshold says, and what happened, are two things: exits are forced, fixed or held.
  number.setBold(false);
  painter->setFont(number);
  if (const auto would_stop = r.would_stop(); would_stop && c.would_stop.width() > 0) {
    painter->drawText(in_row(c.would_stop, row), end, *would_stop ? QStringLiteral("✓") : QStringLiteral("✗"));
  }
  if (!taken) return;
  painter->setPen(colors.text);
  if (r.forced) painter->setFont(theme.label_font());
  painter->drawText(in_row(c.decision, row).adjusted(spacing::kTiny, 0, -spacing::kTiny, 0), end,
                    r.forced ? tr("forced") : QStringLiteral("●"));
}

void DeltaRows::paint_scale(QPainter* painter, const Columns& c) {
  const ThemeColors& colors = Theme::instance().colors();
  const QRect area = in_row(c.bar, static_cast<int>(rows_.size()));
  painter->setFont(Theme::instance().label_font());
  const QFontMetrics metrics = painter->fontMetrics();
  int free_from = std::numeric_limits<int>::min();
  const bool mirrored = layoutDirection() == Qt::RightToLeft;
  // The end labels come first: inner labels are dropped without room.
  for (const double tick : delta_scale::kTicks) {
    const int offset = static_cast<int>(std::lround(delta_scale::position(tick) * (area.width() - 1)));
    const int x = mirrored ? area.right() - offset : area.left() + offset;
    painter->setPen(colors.muted_text);
    painter->drawLine(x, area.top(), x, area.top() + 3);
    const QString label = format_number(tick, 1);
    const int wide = metrics.horizontalAdvance(label);
    const int from = std::clamp(offset - wide / 2, -spacing::kTiny, area.width() - wide + spacing::kTiny);
    if (from < free_from) continue;
    free_from = from + wide + spacing::kTiny;
    const int left = mirrored ? area.right() - from - wide : area.left() + from;
    painter->drawText(QRect(left, area.top() + 4, wide + 1, metrics.height()), Qt::AlignCenter, label);
  }
}

void DeltaRows::mousePressEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton) dragged_ = mark_at(event->pos());
  if (dragged_ < 0) QWidget::mousePressEvent(event);
}

void DeltaRows::mouseMoveEvent(QMouseEvent* event) {
  if (dragged_ < 0) {
    setCursor(mark_at(event->pos()) >= 0 ? Qt::SplitHCursor : Qt::ArrowCursor);
    return;
  }
  const QRect area = bar_area(dragged_);
  const int offset =
      layoutDirection() == Qt::RightToLeft ? area.right() - event->pos().x() : event->pos().x() - area.left();
  rows_[static_cast<std::size_t>(dragged_)].threshold =
      delta_scale::value(static_cast<double>(offset) / (area.width() - 1));
  update();
}

void DeltaRows::mouseReleaseEvent(QMouseEvent* event) {
  if (dragged_ < 0 || event->button() != Qt::LeftButton) return QWidget::mouseReleaseEvent(event);
  const Row& row = rows_[static_cast<std::size_t>(std::exchange(dragged_, -1))];
  Q_EMIT threshold_moved(row.exit_index, row.threshold);
}

bool DeltaRows::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    auto* help = static_cast<QHelpEvent*>(event);
    const int row = row_at(help->pos());
    if (row >= 0) {
      QToolTip::showText(help->globalPos(), text(row), this);
    } else {
      QToolTip::hideText();
    }
    return true;
  }
  return QWidget::event(event);
}

}  // namespace deer
