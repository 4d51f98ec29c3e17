// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/video/widget_picture.h"

#include <QPixmap>
#include <cstring>

namespace deer {

QImage picture_of(QWidget* widget, const QSize& pixels) {
  const auto seen = widget->grab().toImage();
  const bool as_shown = seen.width() - pixels.width() <= 1 && seen.height() - pixels.height() <= 1 &&
                        seen.width() >= pixels.width() && seen.height() >= pixels.height();
  if (as_shown) return seen.copy(QRect(QPoint(), pixels));
  return seen.scaled(pixels, Qt::IgnoreAspectRatio, Qt::SmoothTransformation);
}

Image to_image(const QImage& picture) {
  const auto rgb = picture.convertToFormat(QImage::Format_RGB888);
  Image out{rgb.width(), rgb.height(), {}};
  const auto row = static_cast<std::size_t>(rgb.width()) * 3;
  out.rgb.resize(row * static_cast<std::size_t>(rgb.height()));
  for (int y = 0; y < rgb.height(); ++y) {
    std::memcpy(&out.rgb[row * static_cast<std::size_t>(y)], rgb.constScanLine(y), row);
  }
  return out;
}

}  // namespace deer
