// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <array>

#include "core/base/image.h"
#include "core/model/multi_exit_model.h"

namespace deer {

/// Turns the pictures of both cameras into the decoder's media, in the stages that are timed apart. A picture that is
/// the one before again, pixel by pixel, is not encoded again, with the same numbers as if it were: a large tower on a
/// CPU always encodes one picture at a time, so that either camera's can be kept; a small one, or a GPU, encodes both
/// together, so that both are kept or none. Not thread-safe.
class CameraEncoder {
 public:
  /// `model` has to live longer.
  explicit CameraEncoder(const MultiExitModel& model);

  /// Takes the pictures of a frame, neither null, and prepares those that are new.
  /// Returns how many were encoded before. Throws Error if a picture is empty.
  int look(const ImagePtr& static_picture, const ImagePtr& gripper_picture);
  void encode();       ///< the vision tower
  at::Tensor media();  ///< the resampler: [1, 2 * latents, dim]

  /// Patch tokens of two pictures [2, patches, width], without forgetting those of the frame.
  at::Tensor tokens(const ImagePtr& static_picture, const ImagePtr& gripper_picture) const;

 private:
  struct Camera {
    ImagePtr picture;
    at::Tensor planes;   // [1, 3, size, size]; undefined once encoded
    at::Tensor tokens;   // [1, patches, width]; undefined before
    at::Tensor latents;  // [1, latents, dim]; undefined before
  };

  at::Tensor planes(const Image& picture) const;

  const MultiExitModel& model_;
  const bool one_at_a_time_;
  std::array<Camera, 2> cameras_;  // static, gripper
};

}  // namespace deer
