// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/image.h"

namespace deer {

/// The bytes of a JPEG file with the picture, at most `width` pixels wide. Throws Error on an empty picture.
std::vector<std::uint8_t> jpeg_thumbnail(const Image& image, int width);

}  // namespace deer
