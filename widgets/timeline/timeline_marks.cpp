// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/timeline/timeline_marks.h"

#include <QCoreApplication>
#include <QPainterPath>
#include <algorithm>
#include <array>
#include <cmath>

#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(deer::TimelineMarks)
};

enum class Shape { opens, closes, stop, pin, flag };

struct Kind {
  const FrameSet* frames;
  Shape shape;
  QString name;
};

std::array<Kind, 5> kinds_of(const TimelineMarks& marks) {
  // Rarer ones last, so that they are drawn on top.
  return {Kind{&marks.gripper_opens, Shape::opens, Words::tr("gripper opens")},
          Kind{&marks.gripper_closes, Shape::closes, Words::tr("gripper closes")},
          Kind{&marks.breakpoints, Shape::stop, Words::tr("breakpoint")},
          Kind{&marks.forced, Shape::pin, Words::tr("forced exit")},
          Kind{&marks.bookmarks, Shape::flag, Words::tr("bookmark")}};
}

void paint_shape(QPainter* painter, Shape shape, double x, const QRect& area) {
  const auto& colors = Theme::instance().colors();
  const double middle = area.center().y() + 0.5, size = std::min(5.0, area.height() / 2.0 - 1);
  painter->setPen(Qt::NoPen);
  switch (shape) {
    case Shape::opens:
    case Shape::closes: {
      // Two fingers apart, or together.
      painter->setBrush(colors.text);
      const double apart = shape == Shape::opens ? size - 1 : 0.5;
      painter->drawRect(QRectF(x - apart - 1, middle - size + 1, 2, 2 * size - 2));
      painter->drawRect(QRectF(x + apart - 1, middle - size + 1, 2, 2 * size - 2));
      break;
    }
    case Shape::stop:
      painter->setBrush(colors.error);
      painter->drawEllipse(QPointF(x, middle), size - 1, size - 1);
      break;
    case Shape::pin:
      painter->setBrush(colors.warning);
      painter->drawPolygon(
          QPolygonF({{x - size, middle - size + 1}, {x + size, middle - size + 1}, {x, middle + size}}));
      break;
    case Shape::flag:
      painter->setBrush(colors.text);
      painter->drawPolygon(QPolygonF({{x - 1, middle - size},
                                      {x + size + 1, middle - size / 2},
                                      {x + 1, middle},
                                      {x + 1, middle + size},
                                      {x - 1, middle + size}}));
      break;
  }
}

}  // namespace

std::optional<qint64> TimelineMarks::nearest(qint64 frame, qint64 reach) const {
  std::optional<qint64> best;
  for (const auto& kind : kinds_of(*this)) {
    const auto found = kind.frames->nearest(frame, reach);
    if (found && (!best || std::abs(*found - frame) < std::abs(*best - frame))) best = found;
  }
  return best;
}

QStringList TimelineMarks::texts(qint64 first, qint64 last) const {
  QStringList out;
  for (const auto& kind : kinds_of(*this)) {
    const auto found = kind.frames->next(first - 1);
    if (!found || *found > last) continue;
    qint64 count = 0;
    constexpr qint64 kMostCounted = 1000;
    for (auto at = found; at && *at <= last && count < kMostCounted; at = kind.frames->next(*at)) ++count;
    out << (count == 1 ? Words::tr("frame %1: %2").arg(format_count(*found), kind.name)
                       : Words::tr("%1 × %2").arg(count).arg(kind.name));
  }
  return out;
}

qint64 EventLayer::reach(int pixels) const {
  return std::max<qint64>(0, std::llround(std::ceil(pixels / std::max(frame_width(), 1e-9))));
}

void EventLayer::draw(QCPPainter* painter) {
  painter->setAntialiasing(true);
  const Buckets b = buckets();
  const auto area = rect()->rect();
  const double half = b.size == 1 ? frame_width() / 2 : 0;
  for (const auto& kind : kinds_of(*marks_)) {
    if (kind.frames->count() == 0) continue;
    for (int i = 0; i < b.count; ++i) {
      const auto found = kind.frames->next(b.begin(i) - 1);
      if (!found) break;
      if (*found > b.end(i)) {
        // Continue at its bucket.
        i = std::max(i, static_cast<int>(std::min<qint64>((*found - b.first) / b.size, b.count)) - 1);
        continue;
      }
      paint_shape(painter, kind.shape, left_of(b.begin(i)) + half, area);
    }
  }
}

void ForcedLayer::draw(QCPPainter* painter) {
  if (marks_->forced.count() == 0) return;
  painter->setAntialiasing(true);
  const Buckets b = buckets();
  const auto area = rect()->rect();
  for (int i = 0; i < b.count; ++i) {
    const auto found = marks_->forced.next(b.begin(i) - 1);
    if (!found) break;
    if (*found > b.end(i)) continue;
    const double width = std::max(3.0, b.size == 1 ? frame_width() : 1.0);
    const double x = left_of(b.begin(i));
    painter->setPen(QPen(Theme::instance().colors().warning, 2));
    painter->setBrush(Qt::NoBrush);
    painter->drawRect(QRectF(x + 0.5, area.top() + 1, width - 2, area.height() - 2));
    paint_shape(painter, Shape::pin, x + width / 2 - 0.5, QRect(area.left(), area.top(), area.width(), 11));
  }
}

void LoopLayer::draw(QCPPainter* painter) {
  if (marks_->loop_first < 0 || marks_->loop_last < marks_->loop_first) return;
  const auto& colors = Theme::instance().colors();
  const auto area = rect()->rect();
  auto veil = colors.background;
  veil.setAlphaF(0.6F);
  const int left = std::clamp(left_of(marks_->loop_first), area.left(), area.right() + 1);
  const int right = std::clamp(left_of(marks_->loop_last + 1), area.left(), area.right() + 1);
  painter->fillRect(QRect(area.left(), area.top(), left - area.left(), area.height()), veil);
  painter->fillRect(QRect(right, area.top(), area.right() + 1 - right, area.height()), veil);
  painter->setPen(QPen(colors.muted_text, 1));
  for (const int x : {left_of(marks_->loop_first), left_of(marks_->loop_last + 1)}) {
    if (x >= area.left() && x <= area.right() + 1) painter->drawLine(QLineF(x, area.top(), x, area.bottom()));
  }
}

void RegretLayer::draw(QCPPainter* painter) {
  if (!rect()->visible()) return;
  const auto& colors = Theme::instance().colors();
  const Buckets b = buckets();
  const auto base = static_cast<int>(std::lround(y_axis()->coordToPixel(0)));
  const auto fill = Theme::mix(colors.background, colors.text, 0.3);
  for (int i = 0; i < b.count; ++i) {
    const Extent extent = data().regret().extent(b.begin(i), b.end(i));
    if (extent.count == 0) continue;
    const int left = left_of(b.begin(i)), right = std::max(left + 1, left_of(b.end(i) + 1));
    const auto top = static_cast<int>(std::lround(y_axis()->coordToPixel(static_cast<double>(extent.max))));
    painter->fillRect(QRect(left, top, right - left, base - top), fill);
    painter->fillRect(QRect(left, top, right - left, 2), colors.text);
  }
}

}  // namespace deer
