// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QtGlobal>
#include <memory>
#include <vector>

#include "core/exits/frame_record.h"

namespace deer {

/// A frame as the model ran on it, and with an intervention; both under the same policy, every exit evaluated.
struct IntervenedFrame {
  qint64 frame = 0;
  FrameRecordPtr before;
  FrameRecordPtr after;
};
using IntervenedFrames = std::shared_ptr<const std::vector<IntervenedFrame>>;  ///< consecutive

}  // namespace deer
