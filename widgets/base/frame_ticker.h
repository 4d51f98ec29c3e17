// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <cmath>

#include "widgets/base/number_format.h"
#include "widgets/base/qcp.h"

namespace deer {

/// Ticks of an axis of frames: on whole numbers, without ticks between them.
class FrameTicker : public QCPAxisTicker {
 protected:
  int getSubTickCount(double) override { return 0; }
  double getTickStep(const QCPRange& range) override {
    return std::max(1.0, std::round(QCPAxisTicker::getTickStep(range)));
  }
  QString getTickLabel(double tick, const QLocale&, QChar, int) override { return format_count(std::llround(tick)); }
};

}  // namespace deer
