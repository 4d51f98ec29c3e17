// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QIcon>

class QPainter;
class QRectF;

namespace deer {

/// Small line icons, drawn instead of loaded: sharp at every scale, in any colour.
enum class Glyph { play, pause, back, forward, first, last, loop, picture, chart, list, model, problem, note };

/// Draws `glyph` into the largest centred square in `rect`.
void paint_glyph(QPainter* painter, Glyph glyph, const QRectF& rect, const QColor& color);

/// An icon of one colour, paler when disabled.
QIcon glyph_icon(Glyph glyph, const QColor& color);

}  // namespace deer
