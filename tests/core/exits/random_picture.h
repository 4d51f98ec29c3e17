// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <random>

#include "core/base/image.h"

namespace deer::test {

/// Noise; the same for the same seed.
inline ImagePtr random_picture(int width, int height, unsigned seed) {
  auto image = std::make_shared<Image>();
  image->width = width;
  image->height = height;
  image->rgb.resize(static_cast<std::size_t>(width * height * 3));
  std::mt19937 random(seed);
  for (auto& value : image->rgb) value = static_cast<std::uint8_t>(random());
  return image;
}

}  // namespace deer::test
