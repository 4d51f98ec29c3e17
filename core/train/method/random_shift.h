// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace deer {

/// Image shift augmentation of the training: replicate-pads by
/// `padding` and samples bilinearly at whole-pixel shifts.
/// `images` [N, C, S, S] float; `shift` [N, 2] whole numbers (x, y) in 0..2*padding. Returns the same shape.
/// Throws Error if the shapes do not match.
at::Tensor shift_images(const at::Tensor& images, const at::Tensor& shift, std::int64_t padding);

}  // namespace deer
