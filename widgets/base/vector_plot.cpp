// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/vector_plot.h"

#include "widgets/base/theme.h"

namespace deer {

void VectorPlot::style_axes() {
  const auto& theme = Theme::instance();
  const auto& colors = theme.colors();
  setBackground(QBrush(colors.background));
  for (auto* const axis : {xAxis, yAxis}) {
    axis->setBasePen(QPen(colors.hairline));
    axis->setTickPen(QPen(colors.hairline));
    axis->setSubTickPen(Qt::NoPen);
    axis->grid()->setPen(QPen(colors.hairline));
    axis->grid()->setZeroLinePen(QPen(colors.hairline));
    axis->setTickLabelColor(colors.muted_text);
    axis->setLabelColor(colors.muted_text);
    axis->setTickLabelFont(Theme::number_font(theme.label_font()));
    axis->setLabelFont(theme.label_font());
  }
  legend->setFont(theme.label_font());
  legend->setTextColor(colors.muted_text);
}

}  // namespace deer
