// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <span>

#include "core/exits/frame_record.h"

namespace deer {

/// "turn x": DeeR's names are translated, those of other layouts stand as they were recorded.
QString dimension_name(const ActionDimension& dimension);
/// "turn x, °".
QString dimension_label(const ActionDimension& dimension);
/// Decimals that a value is shown with, in the dimension's unit.
int dimension_decimals(const ActionDimension& dimension);
/// A stored value in the dimension's unit, without it; a dash if it is not known.
QString dimension_text(const ActionDimension& dimension, double value);
/// "left waist 0.120 rad": the first step of an action, one dimension a line.
QString action_lines(const ActionLayout& layout, const ActionValues& action);

/// "x 1.0  y 2.0  z 3.0": three of DeeR's six arm values from `first` on (0: mm, 3: degrees).
QString deer_axes_text(std::span<const float, 6> arm, std::size_t first);

}  // namespace deer
