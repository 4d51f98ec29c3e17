// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QPoint>
#include <QRectF>
#include <QSize>
#include <optional>
#include <vector>

namespace deer {

/// Weights [rows, columns] as an image of `size` pixels: 0 is the dark end of the colour map, `largest` the bright end.
/// Each patch is one uniform square; with `smooth`, weights are interpolated between the patches' centres and constant
/// at the edges.
QImage attention_image(const std::vector<float>& weights, int rows, int columns, double largest, QSize size,
                       bool smooth);

/// The patch (x column, y row) under a point, if it is inside `grid`.
std::optional<QPoint> patch_at(const QRectF& grid, int rows, int columns, QPointF point);
QRectF patch_rect(const QRectF& grid, int rows, int columns, QPoint patch);

}  // namespace deer
