// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>

namespace deer {

/// Matplotlib's viridis (public domain, CC0), interpolated; `t` is clamped to [0, 1], 0 is dark.
QColor viridis(double t);

/// For attention over an image: plum to pink, a hue that no exit uses. Lightness and opacity grow evenly; `t` is
/// clamped to [0, 1].
QColor attention_color(double t);

/// A colour in Oklab: perceived lightness 0 to 1, green-red, blue-yellow.
struct Oklab {
  double lightness = 0;
  double a = 0;
  double b = 0;
};

Oklab to_oklab(const QColor& color);
QColor from_oklab(const Oklab& lab);  ///< clipped to sRGB
/// Interpolates between two colours, perceptually even.
QColor mix_oklab(const QColor& from, const QColor& to, double t);

/// WCAG 2 relative luminance, 0 to 1.
double relative_luminance(const QColor& color);

}  // namespace deer
