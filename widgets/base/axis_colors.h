// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <array>

namespace deer {

/// Red, green and blue for the axes x, y and z of a frame in space; at least 3:1 with the theme's
/// background and surface.
inline std::array<QColor, 3> axis_colors(bool dark) {
  if (dark) return {QColor(0xff6f61), QColor(0x6cc76f), QColor(0x72a7ff)};
  return {QColor(0xc62f2f), QColor(0x2a7d34), QColor(0x2361c4)};
}

}  // namespace deer
