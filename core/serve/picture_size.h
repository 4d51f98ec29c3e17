// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace deer::serve {

struct PictureSize {
  int width = 0;   ///< pixels
  int height = 0;  ///< pixels
};

/// What the head of a PNG or JPEG file says, without decoding it: a small file can claim to be an enormous picture.
/// Nothing if it is neither, or is cut short before its size.
std::optional<PictureSize> encoded_picture_size(std::span<const std::byte> file);

}  // namespace deer::serve
