// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/timeline/timeline_axes.h"

#include <algorithm>

#include "widgets/base/theme.h"
#include "widgets/timeline/timeline_data.h"

namespace deer {

void style_tracks(const std::vector<QCPAxisRect*>& rects) {
  const Theme& theme = Theme::instance();
  const ThemeColors& colors = theme.colors();
  const QFont font = Theme::number_font(theme.label_font());
  for (QCPAxisRect* rect : rects) {
    for (QCPAxis* axis : rect->axes()) {
      axis->setBasePen(QPen(colors.hairline));
      axis->setTickPen(QPen(colors.hairline));
      axis->setTickLabelColor(colors.muted_text);
      axis->setLabelColor(colors.muted_text);
      axis->setTickLabelFont(font);
      axis->setLabelFont(font);
      axis->setLabelPadding(spacing::kTiny);
      axis->setTickLabelPadding(spacing::kTiny);
      axis->grid()->setPen(QPen(colors.hairline, 1, Qt::SolidLine));
      axis->grid()->setZeroLinePen(QPen(colors.hairline));
    }
  }
}

void label_exits(QCPAxisRect* depth, QCPAxisRect* delta, const TimelineData& data) {
  const auto& layers = data.exit_layers();
  const auto label = [&](QCPAxisRect* rect, auto place) {
    auto ticker = QSharedPointer<QCPAxisTickerText>::create();
    const int room = std::max(1, rect->height() / (QFontMetrics(Theme::instance().label_font()).ascent() + 1));
    const int step = (data.exit_count() + room - 1) / room;
    for (int exit = 0; exit < data.exit_count(); exit += std::max(1, step)) {
      ticker->addTick(place(exit), QString::number(exit + 1));
    }
    rect->axis(QCPAxis::atLeft)->setTicker(ticker);
  };
  label(depth, [&](int exit) { return layers[static_cast<std::size_t>(exit)] + 1.0; });
  label(delta, [](int exit) { return static_cast<double>(exit); });
}

void name_track(QCPAxisRect* rect, const QStringList& names) {
  const QFontMetrics metrics(Theme::number_font(Theme::instance().label_font()));
  const int room = rect->height() + spacing::kSmall;
  const auto fits = std::find_if(names.begin(), names.end(),
                                 [&](const QString& text) { return metrics.horizontalAdvance(text) <= room; });
  rect->axis(QCPAxis::atLeft)->setLabel(fits == names.end() ? QString() : *fits);
}

void fit_regret(QCPAxisRect* rect, const Extent& all) {
  const double top = all.count > 0 ? static_cast<double>(all.max) : 0;
  rect->axis(QCPAxis::atLeft)->setRange(0, top > 0 ? top * 1.1 : 1);
}

}  // namespace deer
