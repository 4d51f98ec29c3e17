// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <utility>
#include <vector>

#include "core/exits/frame_record.h"
#include "core/study/study.h"

namespace deer {

/// Ranks the frames of one episode by how far the first exit's action is from the deepest exit's. A value type.
class FramesByNeed {
 public:
  /// Frames without both exits are left out.
  void add(const FrameRecord& record, int first_layer, int deepest_layer);

  /// Adds the episode's mean depth in both thirds; nothing with fewer than three frames.
  void finish(DepthByNeed& out) const;

 private:
  std::vector<std::pair<double, int>> frames_;  ///< distance, depth
};

}  // namespace deer
