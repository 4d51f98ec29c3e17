// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QStringList>
#include <vector>

#include "widgets/base/min_max_column.h"
#include "widgets/base/qcp.h"

namespace deer {

class TimelineData;

// The axes of the timeline's tracks.

/// The theme's colours and fonts.
void style_tracks(const std::vector<QCPAxisRect*>& rects);

/// Numbers of the exits at the left of both tracks, as many as fit.
void label_exits(QCPAxisRect* depth, QCPAxisRect* delta, const TimelineData& data);

/// The first of `names` that fits beside the track, or none.
void name_track(QCPAxisRect* rect, const QStringList& names);

/// From 0 to somewhat above the largest value.
void fit_regret(QCPAxisRect* rect, const Extent& all);

}  // namespace deer
