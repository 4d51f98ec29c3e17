// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cmath>

#include "widgets/base/number_format.h"
#include "widgets/base/qcp.h"

namespace deer {

/// Three significant figures.
class NumberTicker : public QCPAxisTicker {
 protected:
  int getSubTickCount(double) override { return 0; }
  QString getTickLabel(double tick, const QLocale&, QChar, int) override { return format_number(tick, 3); }
};

/// As many decimals as the distance of the ticks needs; three significant figures where those would be too many.
class DecimalTicker : public QCPAxisTicker {
 protected:
  double getTickStep(const QCPRange& range) override {
    const double step = QCPAxisTicker::getTickStep(range);
    decimals_ = 0;
    is_small_ = step < 1e-5;
    for (double scaled = step; decimals_ < 6 && std::abs(scaled - std::round(scaled)) > 1e-6; scaled *= 10) ++decimals_;
    return step;
  }
  int getSubTickCount(double) override { return 0; }
  QString getTickLabel(double tick, const QLocale&, QChar, int) override {
    constexpr double kLarge = 1e6;
    return is_small_ || std::abs(tick) >= kLarge ? format_number(tick, 3) : format_fixed(tick, decimals_);
  }

  int decimals_ = 0;
  bool is_small_ = false;
};

}  // namespace deer
