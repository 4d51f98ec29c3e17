// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/image.h"

namespace deer {

/// The bytes of a JPEG file with the picture, at most `width` pixels wide. Throws Error on an empty picture.
std::vector<std::uint8_t> jpeg_thumbnail(const Image& image, int width);

/// The picture in the bytes of an image file (JPEG, PNG, …). Throws Error, which reads on after a file's name.
ImagePtr decode_picture(std::span<const std::byte> bytes);

}  // namespace deer
