// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace deer {

/// Windows of consecutive steps, each inside one instruction. B windows of W steps, on the CPU.
/// Images come either as tokens of the frozen vision tower or as preprocessed images, never both.
struct WindowBatch {
  at::Tensor static_tokens, gripper_tokens;  ///< [B, W, P, width] of the vision tower; undefined if images are given
  at::Tensor rgb_static, rgb_gripper;        ///< [B, W, 3, S, S] preprocessed float; undefined if tokens are given
  at::Tensor input_ids, attention_mask;      ///< [B, L] int64
  at::Tensor actions;                        ///< [B, W, 7] float; last = gripper, -1 close / +1 open
};

/// Source of windows. Thread-safe.
class WindowSource {
 public:
  virtual ~WindowSource() = default;

  /// Number of distinct windows.
  virtual std::int64_t size() const = 0;

  /// The windows with these indices, each in 0..size()-1. `seed` determines the augmentation, so a batch is the same
  /// wherever it is made.
  virtual WindowBatch batch(std::span<const std::int64_t> windows, std::uint64_t seed) const = 0;
};

}  // namespace deer
