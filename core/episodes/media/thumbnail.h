// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/image.h"

namespace deer {

/// Contents of a JPEG file with the image, at most `width` pixels wide. Throws Error for an empty image.
std::vector<std::uint8_t> jpeg_thumbnail(const Image& image, int width);

/// Decodes the contents of an image file (JPEG, PNG, …). Throws Error with a message to append to the file's name.
ImagePtr decode_picture(std::span<const std::byte> bytes);

}  // namespace deer
