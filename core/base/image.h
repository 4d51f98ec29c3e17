// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace deer {

/// An 8-bit RGB picture: row-major, top row first, R G B interleaved, no padding between rows.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  ///< height * width * 3 bytes

  bool empty() const { return rgb.empty(); }
};

/// Pictures are shared between threads and never changed once made.
using ImagePtr = std::shared_ptr<const Image>;

}  // namespace deer
