// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vector>

#include "core/episodes/mapping.h"

namespace deer {

/// Every number that a dataset holds for a frame, series by series, under the name and with the unit that
/// guess_mapping() would give it, unscaled.
std::vector<MappedColumn> columns_of(const RecordingSchema& schema);

}  // namespace deer
