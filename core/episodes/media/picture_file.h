// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "core/base/image.h"

namespace deer {

/// Contents of a PNG file with the image. Throws Error for an empty image.
std::string png_file(const Image& image);

}  // namespace deer
