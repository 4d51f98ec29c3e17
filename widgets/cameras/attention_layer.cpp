// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/cameras/attention_layer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "widgets/base/color_maps.h"

namespace deer {
namespace {

using Colors = std::array<QRgb, 256>;

const Colors& colors() {
  static const Colors table = [] {
    Colors out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = qPremultiply(attention_color(static_cast<double>(i) / (out.size() - 1)).rgba());
    }
    return out;
  }();
  return table;
}

// For each pixel the two nearest patches and the interpolation weight between them.
struct Place {
  int first = 0;
  int second = 0;
  float part = 0;
};

std::vector<Place> places(int pixels, int patches, bool smooth) {
  std::vector<Place> out(static_cast<std::size_t>(pixels));
  for (int i = 0; i < pixels; ++i) {
    const double at = (i + 0.5) * patches / pixels;
    auto& place = out[static_cast<std::size_t>(i)];
    if (!smooth) {
      place.first = place.second = std::clamp(static_cast<int>(at), 0, patches - 1);
      continue;
    }
    const double middle = std::clamp(at - 0.5, 0.0, patches - 1.0);
    place.first = static_cast<int>(middle);
    place.second = std::min(place.first + 1, patches - 1);
    place.part = static_cast<float>(middle - place.first);
  }
  return out;
}

}  // namespace

QImage attention_image(const std::vector<float>& weights, int rows, int columns, double largest, QSize size,
                       bool smooth) {
  if (rows < 1 || columns < 1 || size.isEmpty() ||
      weights.size() != static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns)) {
    return {};
  }
  QImage out(size, QImage::Format_ARGB32_Premultiplied);
  const auto across = places(size.width(), columns, smooth);
  const auto down = places(size.height(), rows, smooth);
  const float scale = largest > 0 ? static_cast<float>(255 / largest) : 0;
  const auto at = [&](int row, int column) {
    return weights[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) +
                   static_cast<std::size_t>(column)];
  };
  for (int y = 0; y < size.height(); ++y) {
    auto* const line = reinterpret_cast<QRgb*>(out.scanLine(y));
    const auto& row = down[static_cast<std::size_t>(y)];
    for (int x = 0; x < size.width(); ++x) {
      const auto& column = across[static_cast<std::size_t>(x)];
      const float above = std::lerp(at(row.first, column.first), at(row.first, column.second), column.part);
      const float below = std::lerp(at(row.second, column.first), at(row.second, column.second), column.part);
      const float value = std::lerp(above, below, row.part) * scale;
      line[x] = colors()[static_cast<std::size_t>(std::clamp(std::lround(value), 0L, 255L))];
    }
  }
  return out;
}

std::optional<QPoint> patch_at(const QRectF& grid, int rows, int columns, QPointF point) {
  if (rows < 1 || columns < 1 || grid.isEmpty()) return std::nullopt;
  const double x = (point.x() - grid.left()) / grid.width() * columns;
  const double y = (point.y() - grid.top()) / grid.height() * rows;
  if (!(x >= 0 && x < columns && y >= 0 && y < rows)) return std::nullopt;
  return QPoint(static_cast<int>(x), static_cast<int>(y));
}

QRectF patch_rect(const QRectF& grid, int rows, int columns, QPoint patch) {
  const QSizeF size(grid.width() / columns, grid.height() / rows);
  return {QPointF(grid.left() + patch.x() * size.width(), grid.top() + patch.y() * size.height()), size};
}

}  // namespace deer
