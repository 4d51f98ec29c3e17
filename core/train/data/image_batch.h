// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <span>

namespace deer {

/// Where the picture is looked at, in pixels right and down of where it was recorded; its edge is
/// repeated beyond. shift_images() with padding p and shift (p + x, p + y) is the same to rounding.
struct PixelShift {
  int x = 0;
  int y = 0;
};

/// A change of each colour, whose values run from 0 to 1: gain * value + offset, cut to 0..1.
struct ColourChange {
  std::array<float, 3> gain{1, 1, 1};
  std::array<float, 3> offset{0, 0, 0};
};

/// Pictures for the vision tower: float32 [B, 3, S, S] with CLIP's normalisation, to the bit what
/// normalize_for_clip() gives where nothing is changed.
/// `images` uint8 [N, 3, S, S] on the CPU, contiguous; `frames` in 0..N-1, else Error. `shifts` and
/// `colours` hold one for each of `frames`, or nothing.
at::Tensor read_images(const at::Tensor& images, std::span<const std::int64_t> frames,
                       std::span<const PixelShift> shifts = {}, std::span<const ColourChange> colours = {});

}  // namespace deer
