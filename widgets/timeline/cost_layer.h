// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>

#include "widgets/timeline/timeline_layers.h"

namespace deer {

/// Mean cost of the frames so far as a line, filled below; in the warning colour where it is above the allowance,
/// which is a dashed line.
class CostLayer : public TimelineLayer {
  Q_OBJECT
 public:
  using TimelineLayer::TimelineLayer;
  void set_allowance(std::optional<double> allowance) { allowance_ = allowance; }

 protected:
  void draw(QCPPainter* painter) override;

 private:
  std::optional<double> allowance_;
};

}  // namespace deer
