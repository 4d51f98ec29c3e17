// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <span>

namespace deer {

/// Offset of the crop in pixels, to the right and down; the border is repeated outside. Equal to shift_images() with
/// padding p and shift (p + x, p + y), up to rounding.
struct PixelShift {
  int x = 0;
  int y = 0;
};

/// A change of each colour, with values from 0 to 1: gain * value + offset, clamped to 0..1.
struct ColourChange {
  std::array<float, 3> gain{1, 1, 1};
  std::array<float, 3> offset{0, 0, 0};
};

/// Images for the vision tower: float32 [B, 3, S, S] with CLIP's normalisation, identical to normalize_for_clip() if
/// nothing is changed.
/// `images` uint8 [N, 3, S, S] on the CPU, contiguous; `frames` in 0..N-1, otherwise throws Error. `shifts` and
/// `colours` have one entry per frame, or are empty.
at::Tensor read_images(const at::Tensor& images, std::span<const std::int64_t> frames,
                       std::span<const PixelShift> shifts = {}, std::span<const ColourChange> colours = {});

}  // namespace deer
