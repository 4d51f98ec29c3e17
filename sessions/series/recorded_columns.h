// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <cstddef>
#include <vector>

#include "core/episodes/frame_source.h"

namespace deer {

/// A number that a recording holds for each frame: of the state, of the action, or of both under one name.
struct RecordedColumn {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  QString name;
  QString unit;  ///< may be empty
  std::size_t state = kNone;
  std::size_t action = kNone;

  bool operator==(const RecordedColumn&) const = default;
};

/// What a frame of the source holds: the state's columns, then those of the action that none of them is named like.
std::vector<RecordedColumn> recorded_columns(const SourceInfo& info, const Observation& seen);

/// NaN where the frame has none.
float recorded_state(const RecordedColumn& column, const Observation& seen);
float recorded_action(const RecordedColumn& column, const Observation& seen);

}  // namespace deer
