// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/timeline/timeline_layers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "widgets/base/delta_scale.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kGapFrom = 6;      // pixels; frames at least this wide get a gap between bars
constexpr int kNumberFrom = 18;  // pixels; and from this width on, the exit's number
constexpr int kDotFrom = 8;
constexpr int kRunStep = 2, kRunsAside = 3;  // pixels between runs of equal depth, and for how many of them

void hatch(QPainter* painter, const QRect& area) {
  const ThemeColors& colors = Theme::instance().colors();
  painter->fillRect(area, QBrush(colors.not_evaluated, Qt::BDiagPattern));
}

}  // namespace

Buckets Buckets::of(const QCPRange& visible, int pixels, qint64 frames) {
  Buckets b;
  b.frames = frames;
  const auto first = std::max<qint64>(0, std::llround(std::floor(visible.lower + 0.5)));
  const auto last = std::min<qint64>(frames - 1, std::llround(std::ceil(visible.upper - 0.5)));
  if (frames == 0 || last < first || pixels <= 0) return b;
  while (static_cast<double>(b.size) * pixels < visible.size()) b.size *= 2;
  b.first = first / b.size * b.size;
  b.count = static_cast<int>((last - b.first) / b.size + 1);
  return b;
}

TimelineLayer::TimelineLayer(QCPAxisRect* rect, const TimelineData* data)
    : QCPLayerable(rect->parentPlot(), QStringLiteral("main")), rect_(rect), data_(data) {}

int TimelineLayer::left_of(qint64 frame) const {
  return static_cast<int>(std::lround(x_axis()->coordToPixel(static_cast<double>(frame) - 0.5)));
}

double TimelineLayer::frame_width() const { return rect_->width() / x_axis()->range().size(); }

std::vector<QColor> TimelineLayer::exit_colors() const {
  std::vector<QColor> colors;
  for (int exit = 0; exit <= data().exit_count(); ++exit) {
    colors.push_back(Theme::instance().exit_color(exit, data().exit_count()));
  }
  return colors;
}

HeatLayer::HeatLayer(QCPAxisRect* rect, const TimelineData* data) : TimelineLayer(rect, data) {
  connect(&Theme::instance(), &Theme::changed, this, [this] { map_known_ = false; });
}

void DepthLayer::draw(QCPPainter* painter) {
  const Theme& theme = Theme::instance();
  const Buckets b = buckets();
  const int base = static_cast<int>(std::lround(y_axis()->coordToPixel(0)));
  const auto colors = exit_colors();
  const auto color_of = [&](float depth) {
    const int exit = data().exit_of_depth(static_cast<int>(depth));
    return colors[static_cast<std::size_t>(exit >= 0 ? exit : data().exit_count())];
  };
  const bool gaps = frame_width() >= kGapFrom, numbers = frame_width() >= kNumberFrom;
  painter->setFont(Theme::number_font(theme.label_font()));
  int hatch_from = -1;
  const auto end_hatch = [&](int x) {
    if (hatch_from >= 0) hatch(painter, QRect(hatch_from, rect()->top(), x - hatch_from, base - rect()->top()));
    hatch_from = -1;
  };
  for (int i = 0; i < b.count; ++i) {
    const Extent extent = data().depth().extent(b.begin(i), b.end(i));
    const int left = left_of(b.begin(i)), right = std::max(left + 1, left_of(b.end(i) + 1));
    const bool complete = extent.count == b.end(i) - b.begin(i) + 1;
    if (!complete && hatch_from < 0) hatch_from = left;
    if (complete) end_hatch(left);
    if (extent.count == 0) continue;
    if (!complete) end_hatch(right);
    const auto bar = [&](float depth) {
      const int top = static_cast<int>(std::lround(y_axis()->coordToPixel(static_cast<double>(depth))));
      const QRect shape(left, top, right - left - (gaps ? 1 : 0), base - top);
      painter->fillRect(shape, color_of(depth));
      return shape;
    };
    const QRect shape = bar(extent.max);
    if (extent.min < extent.max) bar(extent.min);
    const int exit = data().exit_of_depth(static_cast<int>(extent.max));
    if (numbers && b.size == 1 && exit >= 0 && shape.height() >= painter->fontMetrics().height()) {
      painter->setPen(Theme::text_on(color_of(extent.max)));
      painter->drawText(QRect(shape.left(), shape.top(), shape.width(), painter->fontMetrics().height() + 2),
                        Qt::AlignCenter, QString::number(exit + 1));
    }
  }
  end_hatch(b.count > 0 ? left_of(b.end(b.count - 1) + 1) : 0);
  for (std::size_t run = 0; run < data().runs().size(); ++run) draw_run(painter, b, run);
}

void DepthLayer::draw_run(QCPPainter* painter, const Buckets& b, std::size_t run) const {
  const auto& [depth, color] = data().runs()[run];
  if (depth.size() < data().frames() || b.count == 0) return;
  // Lines of equal depth stand beside each other.
  const int aside = kRunStep * static_cast<int>(run % kRunsAside);
  // The deepest of a bucket, as the bars show it; a light rim keeps the line visible over dark bars.
  QList<QPolygon> lines;
  bool drawing = false;
  for (int i = 0; i < b.count; ++i) {
    const Extent extent = depth.extent(b.begin(i), b.end(i));
    if (extent.count == 0) {
      drawing = false;
      continue;
    }
    if (!std::exchange(drawing, true)) lines.emplace_back();
    const int y = static_cast<int>(std::lround(y_axis()->coordToPixel(static_cast<double>(extent.max)))) + aside;
    lines.last() << QPoint(left_of(b.begin(i)), y)
                 << QPoint(std::max(left_of(b.end(i) + 1), left_of(b.begin(i)) + 1), y);
  }
  const auto& theme = Theme::instance();
  // The neutral ink is dashed: bars' edges have it, too.
  const auto style = color % Theme::kRunColors == 0 ? Qt::DashLine : Qt::SolidLine;
  for (const auto& pen : {QPen(theme.colors().background, 4), QPen(theme.run_color(color), 2, style)}) {
    painter->setPen(pen);
    for (const auto& line : lines) painter->drawPolyline(line);
  }
}

void HeatLayer::draw(QCPPainter* painter) {
  const Theme& theme = Theme::instance();
  const Buckets b = buckets();
  const int exits = data().exit_count();
  if (b.count == 0) return;
  if (exits == 0) {
    const int begin = left_of(b.begin(0));
    return hatch(painter, QRect(begin, rect()->top(), left_of(b.end(b.count - 1) + 1) - begin, rect()->height()));
  }
  if (!map_known_) {
    for (int i = 0; i <= 256; ++i) map_[static_cast<std::size_t>(i)] = theme.heat_color(i / 256.0).rgb();
    map_known_ = true;
  }
  QImage image(b.count, exits, QImage::Format_ARGB32_Premultiplied);
  image.fill(Qt::transparent);
  for (int exit = 0; exit < exits; ++exit) {
    auto* line = reinterpret_cast<QRgb*>(image.scanLine(exits - 1 - exit));
    for (int i = 0; i < b.count; ++i) {
      const Extent extent = data().delta(exit).extent(b.begin(i), b.end(i));
      if (extent.count == 0) continue;
      const double t = delta_scale::position(static_cast<double>(extent.max));
      line[i] = map_[static_cast<std::size_t>(std::lround(t * 256))];
    }
  }
  const int left = left_of(b.begin(0)), right = left_of(b.begin(b.count - 1) + b.size);
  const int top = static_cast<int>(std::lround(y_axis()->coordToPixel(exits - 0.5)));
  const int bottom = static_cast<int>(std::lround(y_axis()->coordToPixel(-0.5)));
  hatch(painter, QRect(left, top, left_of(b.end(b.count - 1) + 1) - left, bottom - top));
  painter->setRenderHint(QPainter::SmoothPixmapTransform, false);
  painter->drawImage(QRectF(left, top, right - left, bottom - top), image, QRectF(image.rect()));

  painter->setPen(theme.colors().background);
  for (int exit = 1; exit < exits; ++exit) {
    const int y = static_cast<int>(std::lround(y_axis()->coordToPixel(exit - 0.5)));
    painter->drawLine(QLineF(left, y, right - 1, y));
  }
  draw_taken(painter, b);
}

void HeatLayer::draw_taken(QCPPainter* painter, const Buckets& b) {
  const auto colors = exit_colors();
  const auto background = Theme::instance().colors().background;
  const double row = std::abs(y_axis()->coordToPixel(1) - y_axis()->coordToPixel(0));
  const int thick = std::clamp(static_cast<int>(row / 4), 2, 5);
  for (int i = 0; i < b.count; ++i) {
    const Extent extent = data().depth().extent(b.begin(i), b.end(i));
    if (extent.count == 0) continue;
    const int left = left_of(b.begin(i)), right = std::max(left + 1, left_of(b.end(i) + 1));
    for (const float depth : {extent.min, extent.max}) {
      const int exit = data().exit_of_depth(static_cast<int>(depth));
      if (exit < 0) continue;
      const int middle = static_cast<int>(std::lround(y_axis()->coordToPixel(exit)));
      // The halo keeps the mark visible on every colour.
      painter->fillRect(QRect(left, middle - thick / 2 - 1, right - left, thick + 2), background);
      painter->fillRect(QRect(left, middle - thick / 2, right - left, thick), colors[static_cast<std::size_t>(exit)]);
      if (extent.min == extent.max) break;
    }
  }
}

namespace {

/// Lines through the extents of buckets, broken where a value is missing.
template <typename Add>
void trace(const MinMaxColumn& column, const Buckets& b, const QCPAxis* x, const QCPAxis* y, Add add) {
  bool joined = false;
  QPointF before;
  for (int i = 0; i < b.count; ++i) {
    const Extent extent = column.extent(b.begin(i), b.end(i));
    const float first = column.at(b.begin(i)), last = column.at(b.end(i));
    if (extent.count > 0) {
      const double middle = x->coordToPixel(0.5 * static_cast<double>(b.begin(i) + b.end(i)));
      if (joined && !std::isnan(first)) add(i, QLineF(before, {middle, y->coordToPixel(static_cast<double>(first))}));
      const double low = y->coordToPixel(static_cast<double>(extent.min));
      const double high = y->coordToPixel(static_cast<double>(extent.max));
      if (b.size > 1 || extent.count == 1) add(i, QLineF(middle, low + (low == high ? 0.5 : 0), middle, high));
      if (!std::isnan(last)) before = {middle, y->coordToPixel(static_cast<double>(last))};
    }
    joined = !std::isnan(last);
  }
}

}  // namespace

void ActionLayer::draw(QCPPainter* painter) {
  const Theme& theme = Theme::instance();
  const Buckets b = buckets();
  const int exits = data().exit_count();
  painter->setAntialiasing(b.size == 1);

  QVector<QLineF> recorded;
  trace(data().recorded(dimension_), b, x_axis(), y_axis(), [&](int, const QLineF& line) { recorded << line; });
  painter->setPen(QPen(theme.colors().recorded, b.size == 1 ? 1.5 : 1.0));
  painter->drawLines(recorded);

  std::vector<QVector<QLineF>> by_exit(static_cast<std::size_t>(exits) + 1);  // the last: not an exit
  const auto group = [&](int bucket) {
    const Extent depth = data().depth().extent(b.begin(bucket), b.end(bucket));
    const int exit = depth.count > 0 ? data().exit_of_depth(static_cast<int>(depth.max)) : -1;
    return static_cast<std::size_t>(exit >= 0 ? exit : exits);
  };
  trace(data().predicted(dimension_), b, x_axis(), y_axis(),
        [&](int bucket, const QLineF& line) { by_exit[group(bucket)] << line; });
  const bool dots = frame_width() >= kDotFrom;
  for (int exit = 0; exit <= exits; ++exit) {
    const auto& lines = by_exit[static_cast<std::size_t>(exit)];
    if (lines.isEmpty()) continue;
    const QColor color = theme.exit_color(exit, exits);
    painter->setPen(QPen(color, b.size == 1 ? 2 : 1));
    painter->drawLines(lines);
    if (!dots) continue;
    painter->setPen(Qt::NoPen);
    painter->setBrush(color);
    for (const QLineF& line : lines) painter->drawEllipse(line.p2(), 3, 3);
  }
}

QString InstructionLayer::text_at(qint64 frame) const {
  for (const InstructionSpan& span : spans_) {
    if (frame >= span.first && frame <= span.last) return QString::fromStdString(span.instruction);
  }
  return {};
}

void InstructionLayer::draw(QCPPainter* painter) {
  const ThemeColors& colors = Theme::instance().colors();
  painter->setFont(Theme::instance().label_font());
  const QFontMetrics metrics = painter->fontMetrics();
  const QRect area = rect()->rect();
  for (const InstructionSpan& span : spans_) {
    const int left = left_of(span.first), right = left_of(span.last + 1);
    if (right <= area.left() || left > area.right()) continue;
    const QRect band(left, area.top(), std::max(1, right - left - 1), area.height() - 2);
    painter->fillRect(band, Theme::mix(colors.background, colors.text, 0.08));
    // Keep the label visible while its stretch is.
    const QRect seen = band.intersected(area).adjusted(spacing::kTiny, 0, -spacing::kTiny, 0);
    if (seen.width() < metrics.averageCharWidth() * 4) continue;
    auto room = seen;
    if (const auto outcome = outcomes_.find(span.first); outcome != outcomes_.end()) {
      const auto mark = outcome->second ? QStringLiteral("✓") : QStringLiteral("✗");
      painter->setPen(outcome->second ? colors.text : colors.error);
      painter->drawText(seen, Qt::AlignVCenter | Qt::AlignRight, mark);
      room.setRight(seen.right() - metrics.horizontalAdvance(mark) - spacing::kTiny);
    }
    painter->setPen(colors.text);
    painter->drawText(room, Qt::AlignVCenter | Qt::AlignLeft,
                      metrics.elidedText(QString::fromStdString(span.instruction), Qt::ElideRight, room.width()));
  }
}

CursorLayer::CursorLayer(QCustomPlot* plot, const QString& layer) : QCPLayerable(plot, layer) {}

namespace {

constexpr int kLowTrack = 24;  // pixels: instructions and events
constexpr double kTint = 0.25;

}  // namespace

void CursorLayer::set(qint64 current, qint64 hovered) {
  current_ = current;
  hovered_ = hovered;
}

void CursorLayer::draw(QCPPainter* painter) {
  const ThemeColors& colors = Theme::instance().colors();
  const auto rects = mParentPlot->axisRects();
  const auto line = [&](qint64 frame, const QPen& pen) {
    if (frame < 0) return;
    painter->setPen(pen);
    painter->setBrush(Qt::NoBrush);
    for (const QCPAxisRect* rect : rects) {
      if (!rect->visible()) continue;
      const auto x =
          static_cast<int>(std::lround(rect->axis(QCPAxis::atBottom)->coordToPixel(static_cast<double>(frame))));
      const QCPAxis* axis = rect->axis(QCPAxis::atBottom);
      const double half = 0.5 * rect->width() / axis->range().size();
      if (2 * half >= kNumberFrom) {
        // Outline wide frames, so that the number stays readable; a tint leaves the text of low tracks readable.
        const auto box = QRectF(x - half, rect->top(), 2 * half, rect->height() - 1).toRect();
        painter->setClipRect(rect->rect().adjusted(0, 0, 1, 1));
        if (rect->height() < kLowTrack) {
          auto tint = pen.color();
          tint.setAlphaF(kTint);
          painter->fillRect(box, tint);
        } else {
          painter->drawRect(box);
        }
        painter->setClipping(false);
      } else if (x >= rect->left() && x <= rect->right()) {
        painter->drawLine(QLineF(x, rect->top(), x, rect->bottom()));
      }
    }
  };
  if (hovered_ != current_) line(hovered_, QPen(colors.muted_text, 1, Qt::DotLine));
  line(current_, QPen(colors.accent, 2));
}

}  // namespace deer
