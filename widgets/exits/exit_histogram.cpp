// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/exits/exit_histogram.h"

#include <QHelpEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QStyle>
#include <QToolTip>
#include <algorithm>
#include <numeric>

#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kBarHeight = 56;
constexpr int kWidestColumn = 64;

}  // namespace

ExitHistogram::ExitHistogram(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("Frames by exit"));
  setFont(Theme::number_font(Theme::instance().label_font()));
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void ExitHistogram::set_counts(std::vector<qint64> counts, bool current) {
  const bool resized = counts.size() != counts_.size();
  counts_ = std::move(counts);
  current_ = current;
  total_ = std::accumulate(counts_.begin(), counts_.end(), qint64{0});
  QStringList lines;
  for (int exit = 0; exit < static_cast<int>(counts_.size()); ++exit) lines << text(exit);
  setAccessibleDescription(lines.join(QLatin1Char('\n')));
  if (resized) updateGeometry();
  update();
}

void ExitHistogram::set_estimate(std::vector<double> shares) {
  estimate_ = std::move(shares);
  update();
}

void ExitHistogram::set_clickable(bool clickable) {
  clickable_ = clickable;
  setCursor(clickable ? Qt::PointingHandCursor : Qt::ArrowCursor);
}

void ExitHistogram::mouseReleaseEvent(QMouseEvent* event) {
  if (!clickable_ || event->button() != Qt::LeftButton) return QWidget::mouseReleaseEvent(event);
  for (int exit = 0; exit < static_cast<int>(counts_.size()); ++exit) {
    if (!column(exit).contains(event->position().toPoint())) continue;
    Q_EMIT clicked(exit);
    return;
  }
}

double ExitHistogram::tallest() const {
  double share = 0;
  for (const auto count : counts_) {
    if (total_ > 0) share = std::max(share, static_cast<double>(count) / static_cast<double>(total_));
  }
  for (const double expected : estimate_) share = std::max(share, expected);
  return share;
}

QSize ExitHistogram::sizeHint() const {
  return {std::max(120, 40 * static_cast<int>(counts_.size())),
          kBarHeight + 2 * fontMetrics().height() + spacing::kTiny};
}

QSize ExitHistogram::minimumSizeHint() const { return {80, sizeHint().height()}; }

QRect ExitHistogram::column(int exit_index) const {
  const int count = std::max(1, static_cast<int>(counts_.size()));
  const int span = std::min(width(), kWidestColumn * count);
  const int left = exit_index * span / count, right = (exit_index + 1) * span / count;
  return QStyle::visualRect(layoutDirection(), rect(), QRect(left, 0, right - left, height()));
}

QRect ExitHistogram::bar(int exit_index) const {
  const QRect place = column(exit_index);
  const int text_height = fontMetrics().height();
  const qint64 count = counts_[static_cast<std::size_t>(exit_index)];
  int tall = 0;
  if (count > 0) {
    const double share = static_cast<double>(count) / static_cast<double>(total_);
    tall = std::max(2, static_cast<int>(kBarHeight * share / tallest()));
  }
  const int bottom = text_height + kBarHeight;
  return {place.left() + 2, bottom - tall, place.width() - 4, tall};
}

QRect ExitHistogram::outline(int exit_index) const {
  if (exit_index >= static_cast<int>(estimate_.size()) || tallest() <= 0) return {};
  const int tall = static_cast<int>(kBarHeight * estimate_[static_cast<std::size_t>(exit_index)] / tallest());
  const QRect place = column(exit_index);
  return {place.left() + 2, fontMetrics().height() + kBarHeight - tall, place.width() - 4, tall};
}

QRect ExitHistogram::label(int exit_index) const {
  const int height = fontMetrics().height();
  const QRect place = column(exit_index), expected = outline(exit_index);
  int bottom = bar(exit_index).top();
  if (expected.height() > 0 && expected.top() < bottom && expected.top() >= bottom - height) bottom = expected.top();
  return {place.left(), bottom - height, place.width(), height};
}

QString ExitHistogram::text(int exit_index) const {
  const qint64 count = counts_[static_cast<std::size_t>(exit_index)];
  const double share = total_ > 0 ? 100.0 * static_cast<double>(count) / static_cast<double>(total_) : 0;
  return tr("exit %1: %2 frames, %3 %").arg(exit_index + 1).arg(format_count(count), format_number(share));
}

void ExitHistogram::paintEvent(QPaintEvent*) {
  const Theme& theme = Theme::instance();
  QPainter painter(this);
  painter.setLayoutDirection(Qt::LeftToRight);  // number before unit; positions are mirrored explicitly
  const int exits = static_cast<int>(counts_.size());
  const int text_height = fontMetrics().height();
  for (int exit = 0; exit < exits; ++exit) {
    const QRect place = column(exit), shape = bar(exit);
    const QColor color = theme.exit_color(exit, exits);
    const qint64 count = counts_[static_cast<std::size_t>(exit)];
    if (current_) {
      painter.fillRect(shape, color);
    } else if (shape.height() > 0) {
      painter.setPen(color);
      painter.setBrush(QBrush(color, Qt::BDiagPattern));
      painter.drawRect(shape.adjusted(0, 0, -1, -1));
    }
    if (const QRect expected = outline(exit); expected.height() > 0) {
      painter.setPen(QPen(theme.colors().muted_text, 1, Qt::DashLine));
      painter.setBrush(Qt::NoBrush);
      painter.drawRect(expected.adjusted(0, 0, -1, -1));
    }
    painter.setPen(theme.colors().text);
    if (total_ > 0 && count > 0) {
      const QString share = tr("%1 %").arg(std::max<qint64>(1, (100 * count + total_ / 2) / total_));
      if (painter.fontMetrics().horizontalAdvance(share) <= place.width()) {
        painter.drawText(label(exit), Qt::AlignCenter, share);
      }
    }
    painter.setPen(theme.colors().hairline);
    painter.drawLine(place.left() + 2, text_height + kBarHeight, place.right() - 2, text_height + kBarHeight);
    painter.setPen(theme.colors().muted_text);
    painter.drawText(QRect(place.left(), text_height + kBarHeight + spacing::kTiny, place.width(), text_height),
                     Qt::AlignCenter, QString::number(exit + 1));
  }
}

bool ExitHistogram::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    auto* help = static_cast<QHelpEvent*>(event);
    for (int exit = 0; exit < static_cast<int>(counts_.size()); ++exit) {
      if (!column(exit).contains(help->pos())) continue;
      QToolTip::showText(help->globalPos(), text(exit), this);
      return true;
    }
    QToolTip::hideText();
    return true;
  }
  return QWidget::event(event);
}

}  // namespace deer
