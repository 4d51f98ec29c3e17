// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractItemModel>
#include <QColor>
#include <QImage>
#include <cstdlib>

/// What a test sees of a view.
namespace deer::test {

inline bool near(const QColor& a, const QColor& b, int tolerance = 6) {
  return std::abs(a.red() - b.red()) <= tolerance && std::abs(a.green() - b.green()) <= tolerance &&
         std::abs(a.blue() - b.blue()) <= tolerance;
}

/// Whether a line of this colour passes within two pixels above or below.
inline bool has_line(const QImage& image, const QPoint& at, const QColor& color) {
  for (int dy = -2; dy <= 2; ++dy) {
    if (near(image.pixelColor((at + QPoint(0, dy)) * image.devicePixelRatioF()), color)) return true;
  }
  return false;
}

inline QString cell(const QAbstractItemModel& model, int row, int column) {
  return model.index(row, column).data().toString();
}

}  // namespace deer::test
