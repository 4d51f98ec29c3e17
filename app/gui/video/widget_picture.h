// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QSize>
#include <QWidget>

#include "core/base/image.h"

namespace deer {

/// Without an odd row or column, which videos cannot have.
inline QSize even(const QSize& size) { return {size.width() / 2 * 2, size.height() / 2 * 2}; }

/// The widget as it is on the screen; scaled if it has changed its size meanwhile. GUI thread.
QImage picture_of(QWidget* widget, const QSize& pixels);

Image to_image(const QImage& picture);

}  // namespace deer
