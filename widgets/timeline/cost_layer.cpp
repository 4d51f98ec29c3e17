// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/timeline/cost_layer.h"

#include <cmath>

#include "widgets/base/theme.h"

namespace deer {

void CostLayer::draw(QCPPainter* painter) {
  if (!rect()->visible()) return;
  const auto& colors = Theme::instance().colors();
  const Buckets b = buckets();
  const auto y_of = [this](double value) { return static_cast<int>(std::lround(y_axis()->coordToPixel(value))); };
  const int base = y_of(0);
  const auto fill = Theme::mix(colors.background, colors.text, 0.15);
  const auto over = Theme::mix(colors.background, colors.warning, 0.5);
  for (int i = 0; i < b.count; ++i) {
    const Extent extent = data().mean_cost().extent(b.begin(i), b.end(i));
    if (extent.count == 0) continue;
    const int left = left_of(b.begin(i)), right = std::max(left + 1, left_of(b.end(i) + 1));
    const int top = y_of(static_cast<double>(extent.max)), bottom = y_of(static_cast<double>(extent.min));
    const bool too_much = allowance_ && static_cast<double>(extent.max) > *allowance_;
    painter->fillRect(QRect(left, top, right - left, base - top), too_much ? over : fill);
    painter->fillRect(QRect(left, top, right - left, bottom - top + 2), colors.text);
  }
  if (!allowance_) return;
  painter->setPen(QPen(colors.muted_text, 1, Qt::DashLine));
  painter->drawLine(QLineF(rect()->left(), y_of(*allowance_), rect()->right(), y_of(*allowance_)));
}

}  // namespace deer
