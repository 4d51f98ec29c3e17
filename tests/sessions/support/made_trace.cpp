// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sessions/support/made_trace.h"

#include "core/episodes/media/thumbnail.h"

namespace deer::test {

std::vector<std::uint8_t> thumbnail_of(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  Image image;
  image.width = image.height = 16;
  for (int i = 0; i < 16 * 16; ++i) image.rgb.insert(image.rgb.end(), {red, green, blue});
  return jpeg_thumbnail(image, 16);
}

}  // namespace deer::test
