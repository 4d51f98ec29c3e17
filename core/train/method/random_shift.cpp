// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/method/random_shift.h"

#include "core/base/error.h"

namespace deer {

at::Tensor shift_images(const at::Tensor& images, const at::Tensor& shift, std::int64_t padding) {
  if (images.dim() != 4 || images.size(2) != images.size(3) || shift.numel() != 2 * images.size(0) || padding < 0) {
    throw Error("image shift needs square images [N, C, S, S] and one (x, y) shift for each");
  }
  const auto count = images.size(0);
  const auto size = images.size(2);
  const auto padded = size + 2 * padding;
  const auto padded_images = at::replication_pad2d(images, {padding, padding, padding, padding});
  const double half_pixel = 1.0 / static_cast<double>(padded);
  const auto line = at::linspace(-1.0 + half_pixel, 1.0 - half_pixel, padded, images.options()).narrow(0, 0, size);
  const auto x = line.view({1, size}).expand({size, size});
  const auto base = at::stack({x, x.transpose(0, 1)}, 2).unsqueeze(0);  // [1, S, S, 2]
  const auto offset = shift.to(images.dtype()).view({count, 1, 1, 2}) * (2.0 / static_cast<double>(padded));
  constexpr std::int64_t kBilinear = 0;
  constexpr std::int64_t kZeros = 0;
  return at::grid_sampler_2d(padded_images, base + offset, kBilinear, kZeros, /*align_corners=*/false);
}

}  // namespace deer
