// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/base/qcp.h"

namespace deer {

/// A plot that draws lines and text instead of an image when a view is rendered to SVG or PDF.
class VectorPlot : public QCustomPlot {
 public:
  explicit VectorPlot(QWidget* parent = nullptr) : QCustomPlot(parent) {
    // QCustomPlot keeps every mouse event for itself; the menu of the view around the plot must open over it too.
    setAttribute(Qt::WA_NoMousePropagation, false);
  }

 protected:
  /// Both axes in the theme's colours and fonts: thin lines, no sub-ticks.
  void style_axes();

  void paintEvent(QPaintEvent* event) override {
    {
      QCPPainter painter(this);
      const auto engine = painter.paintEngine()->type();
      if (engine == QPaintEngine::SVG || engine == QPaintEngine::Pdf) {
        painter.setMode(QCPPainter::pmVectorized);
        painter.setMode(QCPPainter::pmNoCaching);  // or tick labels become pixels
        painter.fillRect(rect(), palette().window());
        draw(&painter);
        return;
      }
    }
    QCustomPlot::paintEvent(event);
  }
};

}  // namespace deer
