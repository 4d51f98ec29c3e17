// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vector>

#include "core/base/image.h"

namespace deer {

/// Input of the vision encoder, in both forms.
struct PreprocessedImage {
  Image crop;                 ///< size x size, before normalisation
  std::vector<float> planes;  ///< [3, size, size]: (value/255 - mean) / std, R G B planes, row-major
};

/// Resizes the shorter side to `size` and the longer to floor(size * longer / shorter), and crops the
/// central `size` x `size`. Equal to Pillow's bicubic filter (8-bit fixed point, widened when
/// shrinking) and torchvision's centre crop to the last bit; only pixels inside the crop are computed.
/// The order of the passes, horizontal first, is that of Pillow up to version 9: later ones may take
/// the other order for tall images that shrink.
/// Throws Error if the image is empty, if its data does not match its size, or if `size` is not in 1..4096.
Image resize_and_crop(const Image& image, int size);

/// A rectangle in an image, in pixels from the top left corner.
struct PictureCrop {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

/// The part of an image of this size that resize_and_crop() keeps. All values are positive.
PictureCrop visible_crop(int width, int height, int size);

/// CLIP's normalisation: float32 planes [3, height, width]. Throws Error as above.
std::vector<float> normalize_for_clip(const Image& image);

/// Both steps. These functions have no state: any thread may call them.
PreprocessedImage preprocess_image(const Image& image, int size = 224);

}  // namespace deer
