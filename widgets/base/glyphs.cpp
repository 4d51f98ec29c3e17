// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/glyphs.h"

#include <QIconEngine>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>

namespace deer {
namespace {

QPainterPath triangle(qreal left, qreal right) {
  QPainterPath path(QPointF(left, 3));
  path.lineTo(right, 8);
  path.lineTo(left, 13);
  path.closeSubpath();
  return path;
}

class GlyphEngine : public QIconEngine {
 public:
  GlyphEngine(Glyph glyph, const QColor& color) : glyph_(glyph), color_(color) {}

  void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State) override {
    painter->save();
    if (mode == QIcon::Disabled) painter->setOpacity(0.4);
    paint_glyph(painter, glyph_, rect, color_);
    painter->restore();
  }

  QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override {
    QPixmap result(size);
    result.fill(Qt::transparent);
    QPainter painter(&result);
    paint(&painter, QRect(QPoint(), size), mode, state);
    return result;
  }

  QPixmap scaledPixmap(const QSize& size, QIcon::Mode mode, QIcon::State state, qreal) override {
    return pixmap(size, mode, state);
  }

  QIconEngine* clone() const override { return new GlyphEngine(*this); }

 private:
  Glyph glyph_;
  QColor color_;
};

}  // namespace

// All on a grid of 16 by 16.
void paint_glyph(QPainter* painter, Glyph glyph, const QRectF& rect, const QColor& color) {
  const qreal side = std::min(rect.width(), rect.height());
  painter->save();
  painter->setRenderHint(QPainter::Antialiasing);
  painter->translate(rect.center() - QPointF(side / 2, side / 2));
  painter->scale(side / 16, side / 16);
  const QPen line(color, 1.25, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin);
  painter->setPen(Qt::NoPen);
  painter->setBrush(color);
  switch (glyph) {
    case Glyph::play:
      painter->drawPath(triangle(4.5, 13));
      break;
    case Glyph::pause:
      painter->drawRect(QRectF(4, 3, 3, 10));
      painter->drawRect(QRectF(9, 3, 3, 10));
      break;
    case Glyph::forward:
      painter->drawRect(QRectF(4, 3, 1.75, 10));
      painter->drawPath(triangle(7, 13));
      break;
    case Glyph::back:
      painter->drawRect(QRectF(10.25, 3, 1.75, 10));
      painter->drawPath(triangle(9, 3));
      break;
    case Glyph::last:
      painter->drawPath(triangle(2, 7));
      painter->drawPath(triangle(7, 12));
      painter->drawRect(QRectF(12, 3, 1.75, 10));
      break;
    case Glyph::first:
      painter->drawPath(triangle(14, 9));
      painter->drawPath(triangle(9, 4));
      painter->drawRect(QRectF(2.25, 3, 1.75, 10));
      break;
    case Glyph::loop: {
      painter->setPen(QPen(color, 1.5, Qt::SolidLine, Qt::FlatCap));
      painter->setBrush(Qt::NoBrush);
      painter->drawArc(QRectF(3, 3, 10, 10), 60 * 16, 290 * 16);
      painter->setPen(Qt::NoPen);
      painter->setBrush(color);
      QPainterPath head(QPointF(9.6, 0.9));
      head.lineTo(13.6, 4.0);
      head.lineTo(9.2, 6.2);
      head.closeSubpath();
      painter->drawPath(head);
      break;
    }
    case Glyph::picture: {
      painter->setPen(line);
      painter->setBrush(Qt::NoBrush);
      painter->drawRoundedRect(QRectF(1.5, 3, 13, 10), 1.5, 1.5);
      painter->drawPolyline(QPolygonF({{2, 11.5}, {6, 7.5}, {9, 10.5}, {11, 8.8}, {14, 11.5}}));
      painter->drawEllipse(QPointF(10.8, 5.8), 1, 1);
      break;
    }
    case Glyph::chart:
      painter->setPen(line);
      painter->drawPolyline(QPolygonF({{2, 2}, {2, 14}, {14, 14}}));
      painter->setPen(Qt::NoPen);
      painter->drawRect(QRectF(4, 9, 2, 3.5));
      painter->drawRect(QRectF(7.5, 5, 2, 7.5));
      painter->drawRect(QRectF(11, 7.5, 2, 5));
      break;
    case Glyph::list:
      for (const qreal y : {4.0, 8.0, 12.0}) {
        painter->setPen(Qt::NoPen);
        painter->drawEllipse(QPointF(3, y), 0.9, 0.9);
        painter->setPen(line);
        painter->drawLine(QPointF(6, y), QPointF(14, y));
      }
      break;
    case Glyph::model:
      painter->setPen(line);
      painter->setBrush(Qt::NoBrush);
      for (const qreal y : {2.0, 6.25, 10.5}) painter->drawRoundedRect(QRectF(3, y, 10, 3), 1, 1);
      break;
    case Glyph::problem:
      painter->setPen(line);
      painter->setBrush(Qt::NoBrush);
      painter->drawPolygon(QPolygonF({{8, 2}, {14.5, 13.5}, {1.5, 13.5}}));
      painter->drawLine(QPointF(8, 6.5), QPointF(8, 9.5));
      painter->setPen(Qt::NoPen);
      painter->setBrush(color);
      painter->drawEllipse(QPointF(8, 11.4), 0.8, 0.8);
      break;
    case Glyph::note:
      painter->setPen(line);
      painter->setBrush(Qt::NoBrush);
      painter->drawEllipse(QPointF(8, 8), 6, 6);
      painter->drawLine(QPointF(8, 7.5), QPointF(8, 11));
      painter->setPen(Qt::NoPen);
      painter->setBrush(color);
      painter->drawEllipse(QPointF(8, 5), 0.8, 0.8);
      break;
  }
  painter->restore();
}

QIcon glyph_icon(Glyph glyph, const QColor& color) { return QIcon(new GlyphEngine(glyph, color)); }

}  // namespace deer
