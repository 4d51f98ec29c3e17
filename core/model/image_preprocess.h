// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vector>

#include "core/base/image.h"

namespace deer {

/// What the vision encoder gets, in both forms.
struct PreprocessedImage {
  Image crop;                 ///< size x size, before normalisation
  std::vector<float> planes;  ///< [3, size, size]: (value/255 - mean) / std, R G B planes, row-major
};

/// Resizes the shorter side to `size` and the longer to floor(size * longer / shorter), and cuts the
/// middle `size` x `size` out. Equal to Pillow's bicubic filter (8-bit fixed point, widened when
/// shrinking) and torchvision's centre crop to the last bit; only what the crop shows is computed.
/// The order of the passes, horizontal first, is that of Pillow up to version 9: later ones may take
/// the other order for tall pictures that shrink.
/// Throws Error if the image is empty, if its data do not fit its size, or if `size` is not in 1..4096.
Image resize_and_crop(const Image& image, int size);

/// A rectangle of a picture in its own pixels, from the picture's upper left corner.
struct PictureCrop {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

/// What resize_and_crop() shows of a picture of this size. All are positive.
PictureCrop visible_crop(int width, int height, int size);

/// CLIP's normalisation: float32 planes [3, height, width]. Throws Error as above.
std::vector<float> normalize_for_clip(const Image& image);

/// Both steps. Functions here have no state: any thread may call them.
PreprocessedImage preprocess_image(const Image& image, int size = 224);

}  // namespace deer
