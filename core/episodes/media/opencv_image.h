// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <opencv2/core.hpp>

#include "core/base/image.h"

namespace deer {

/// A copy of OpenCV's 8-bit B G R picture as R G B.
ImagePtr image_from_bgr(const cv::Mat& bgr);

}  // namespace deer
