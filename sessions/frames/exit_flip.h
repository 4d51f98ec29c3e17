// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace deer {

/// A frame where two policies leave at different layers.
struct ExitFlip {
  std::int64_t frame = 0;
  int present_layer = 0;
  int other_layer = 0;
  int parting_layer = 0;  ///< the exit where one leaves and the other goes on
  float delta = 0;        ///< there, under the present policy; NaN if it did not compare
  float threshold = 0;    ///< the present policy's there; NaN if it has none

  float margin() const { return threshold - delta; }  ///< positive: the present policy leaves there
};

}  // namespace deer
